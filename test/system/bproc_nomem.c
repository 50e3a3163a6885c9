/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_nomem.c - libbproc in a program whose memory is out: each allocation within each call fails
 * once, and the call says so; and many threads that call at once. Run by bproc_calls.py. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/bproc.h>

static _Thread_local long until_failure = -1; /* allocations; -1 = none fails */

static int fails(void)
{
    if (until_failure < 0)
        return 0;
    if (until_failure-- > 0)
        return 0;
    until_failure = -1;
    errno = ENOMEM;
    return 1;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    return fails() ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : realloc(p, bytes);
}

static int nodelist(void)
{
    struct bproc_node_set_t set;
    int r = bproc_nodelist(&set);
    if (r >= 0)
        bproc_nodeset_free(&set);
    return r;
}

static int nodespec(void)
{
    struct bproc_node_set_t set;
    int r = bproc_nodespec(&set, "0,all,n[0-1],master");
    if (r >= 0)
        bproc_nodeset_free(&set);
    return r;
}

static int proclist(void)
{
    struct bproc_proc_info_t *list;
    int r = bproc_proclist(BPROC_NODE_ANY, &list);
    if (r >= 0)
        free(list);
    return r;
}

static int liblist(void)
{
    char *list;
    int r = bproc_liblist(&list);
    if (r >= 0)
        free(list);
    return r;
}

static int notifier(void)
{
    int fd = bproc_notifier();
    struct bproc_node_set_t set;
    int r = fd < 0 ? fd : bproc_nodelist_(&set, fd);
    int saved = errno;
    if (r >= 0)
        bproc_nodeset_free(&set);
    if (fd >= 0)
        close(fd);
    errno = saved;
    return r;
}

static int attribute(void)
{
    char value[BPROC_ATTR_VALUE_LEN];
    int r = bproc_setnodeattr(0, "memory", "out", 3);
    return r < 0 ? r : bproc_getnodeattr(0, "memory", value, sizeof value);
}

static int status(void)
{
    char text[16];
    return bproc_nodestatus(0, text, sizeof text);
}

static int rights(void)
{
    return bproc_chmod(0, 0111);
}

static int access_it(void)
{
    return bproc_access(0, BPROC_X_OK);
}

static const struct {
    const char *name;
    int (*call)(void);
} calls[] = {
    {"nodelist", nodelist}, {"nodespec", nodespec}, {"proclist", proclist}, {"liblist", liblist},
    {"notifier", notifier}, {"attribute", attribute}, {"status", status}, {"rights", rights},
    {"access", access_it},
};
#define CALLS (sizeof calls / sizeof calls[0])

/* The number of failures that were told, or -1. */
static int starve(int (*call)(void))
{
    for (int n = 0; n < 10000; n++) {
        until_failure = n;
        errno = 0;
        int r = call();
        int failed = until_failure < 0;
        until_failure = -1;
        if (!failed)
            return r < 0 ? -1 : n;
        if (r >= 0 || errno != ENOMEM) {
            printf("allocation %d: %d %s\n", n, r, strerror(errno));
            return -1;
        }
    }
    return -1;
}

static void *crowd(void *arg)
{
    for (int i = 0; i < 200; i++)
        if (calls[(size_t)i % CALLS].call() < 0)
            return arg;
    return NULL;
}

int main(void)
{
    pthread_t threads[8];
    void *bad;
    int failures = 0;
    for (size_t i = 0; i < CALLS; i++) {
        int r = starve(calls[i].call);
        printf("%s %d\n", calls[i].name, r);
        failures += r < 1;
    }
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, crowd, threads);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &bad);
        failures += bad != NULL;
    }
    printf("failures %d\n", failures);
    return failures > 0;
}
