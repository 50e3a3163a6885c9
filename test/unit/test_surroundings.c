/* SPDX-License-Identifier: BSD-3-Clause */
/* test_surroundings.c - what ranks find: their variables, limits, standard descriptors. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "common/mem.h"
#include "tap.h"
#include "tools/environment.h"
#include "tools/propagate.h"
#include "tools/redirect.h"

static char *callers[] = {(char *)"PATH=/bin", (char *)"A=1", (char *)"B=2", (char *)"HOME=/", NULL};

/* What the ranks get by an --export list and a variable more (or NULL), joined by blanks. */
static int gives(const char *list, const char *more, const char *wanted)
{
    struct environment environment = {0};
    char text[200] = "";
    size_t count = 0;
    CU_ASSERT(list == NULL || environment_export(&environment, list, NULL) == 0);
    CU_ASSERT(more == NULL || environment_add(&environment, more, NULL) == 0);
    auto_free char **made = environment_make(&environment, callers, &count);
    for (size_t i = 0; i < count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, made[i]);
    }
    CU_ASSERT_PTR_NULL(made[count]);
    environment_done(&environment);
    return strcmp(text, wanted) == 0;
}

static void variables(void)
{
    CU_ASSERT(gives(NULL, NULL, "PATH=/bin A=1 B=2 HOME=/"));
    CU_ASSERT(gives("ALL", NULL, "PATH=/bin A=1 B=2 HOME=/"));
    CU_ASSERT(gives("NONE", NULL, "PATH=/bin HOME=/"));
    CU_ASSERT(gives("B,C=3", NULL, "PATH=/bin HOME=/ B=2 C=3"));
    CU_ASSERT(gives("ALL,A=5,A=6", NULL, "PATH=/bin A=6 B=2 HOME=/"));
    CU_ASSERT(gives("PATH=/x", NULL, "PATH=/x HOME=/"));
    CU_ASSERT(gives(NULL, "C=1,2=3", "PATH=/bin A=1 B=2 HOME=/ C=1,2=3"));
    CU_ASSERT(gives("NONE", "A", "PATH=/bin HOME=/ A=1"));
    CU_ASSERT(gives("NOT_THERE", NULL, "PATH=/bin HOME=/"));
    struct environment environment = {0};
    CU_ASSERT(environment_export(&environment, "A,,B", NULL) < 0);
    CU_ASSERT(environment_add(&environment, "=x", NULL) < 0);
    CU_ASSERT_PTR_NULL(environment_missing(&environment, callers));
    CU_ASSERT_EQUAL(environment_add(&environment, "AA", NULL), 0);
    CU_ASSERT_STRING_EQUAL(environment_missing(&environment, callers), "AA");
    environment_done(&environment);
}

static void limits(void)
{
    uint32_t mask = 0;
    CU_ASSERT(propagate_read("ALL", &mask, NULL) == 0 && mask == PROPAGATE_ALL);
    CU_ASSERT(propagate_read("NONE", &mask, NULL) == 0 && mask == 0);
    CU_ASSERT(propagate_read("core,RLIMIT_NOFILE", &mask, NULL) == 0 &&
              mask == (1u << RLIMIT_CORE | 1u << RLIMIT_NOFILE));
    CU_ASSERT(propagate_read("", &mask, NULL) < 0);
    CU_ASSERT(propagate_read("CORE,", &mask, NULL) < 0);
    CU_ASSERT(propagate_read("CORES", &mask, NULL) < 0);
}

/* The files of the request that -o and -e (or NULL) ask of the nodes. */
static size_t settle(struct redirect *redirect, const char *out, const char *err,
                     Bpmix__JobRequest *request)
{
    static char *argv[] = {(char *)"/bin/prog"};
    bpmix__job_request__init(request);
    request->argv = argv;
    request->n_argv = 1;
    *redirect = (struct redirect){.append = 0};
    CU_ASSERT_EQUAL(redirect_set(redirect, 1, out, NULL), 0);
    CU_ASSERT(err == NULL || redirect_set(redirect, 2, err, NULL) == 0);
    redirect_settle(redirect, request);
    return request->n_files;
}

static void descriptors(void)
{
    struct redirect redirect;
    Bpmix__JobRequest request;
    CU_ASSERT_EQUAL(settle(&redirect, "f.%t", NULL, &request), 2);
    CU_ASSERT(request.files[1]->fd == 2 && request.files[1]->pattern && !request.files[1]->shared);
    CU_ASSERT_STRING_EQUAL(request.files[1]->path, "f.%t");
    CU_ASSERT((request.files[0]->flags & (O_TRUNC | O_CREAT)) == (O_TRUNC | O_CREAT));
    redirect_done(&redirect);
    CU_ASSERT_EQUAL(settle(&redirect, "%x%%.%N", "all", &request), 1);
    CU_ASSERT(request.files[0]->shared);
    CU_ASSERT_STRING_EQUAL(request.files[0]->path, "prog%%.%N");
    redirect_done(&redirect);
    CU_ASSERT_EQUAL(settle(&redirect, "file", NULL, &request), 0);
    CU_ASSERT(redirect.ends[2].kind == REDIRECT_HERE);
    redirect_done(&redirect);
    CU_ASSERT_EQUAL(settle(&redirect, "none", "3", &request), 1);
    CU_ASSERT(redirect_check(&redirect, 4, NULL) == 0 && redirect_check(&redirect, 3, NULL) < 0);
    redirect_done(&redirect);
    static const char *const wrong[] = {"", "a%", "%q", "%99t"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT(redirect_set(&redirect, 1, wrong[i], NULL) < 0);
    CU_ASSERT(redirect_set(&redirect, 1, "12a", NULL) == 0 &&
              redirect.ends[1].kind == REDIRECT_HERE);
    redirect_done(&redirect);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"variables", variables},
        {"limits", limits},
        {"standard descriptors", descriptors},
        {NULL, NULL},
    };
    return bp_tap_run("surroundings", tests);
}
