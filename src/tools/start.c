/* SPDX-License-Identifier: BSD-3-Clause */
/* start.c - how a job's program is started. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tools/start.h"
#include "tools/text.h"
#include "tools/warm.h"

#define RELAY_BYTES (8u << 20) /* images from here on are passed on by the nodes */

static const char *const names[] = {
    [BPMIX__START__EXEC] = "exec", [BPMIX__START__LD] = "ld", [BPMIX__START__ENTRY] = "entry",
    [BPMIX__START__SELF] = "warm"};

Bpmix__Start start_way(struct argp_state *state, const char *word)
{
    for (unsigned i = 0; i < BPMIX__START__SELF; i++) /* which has an option of its own */
        if (strcmp(word, names[i]) == 0)
            return (Bpmix__Start)i;
    argp_error(state, "--start takes exec, ld or entry, not \"%s\"", word);
    return BPMIX__START__EXEC;
}

const char *start_name(Bpmix__Start way)
{
    return names[way];
}

/* A vector of protobuf has no NULL at its end. */
static char **vector(char **strings, size_t count)
{
    char **copy = bp_calloc(count + 1, sizeof *copy);
    memcpy(copy, strings, count * sizeof *copy);
    return copy;
}

static void use_arguments(struct start *start, Bpmix__JobRequest *request, char **argv)
{
    auto_free char **words = bp_image_arguments(start->image, argv);
    if (words == NULL)
        abort(); /* as bp_calloc does it */
    while (words[start->argc] != NULL)
        start->argc++;
    start->argv = bp_calloc(start->argc, sizeof *start->argv);
    for (size_t i = 0; i < start->argc; i++)
        start->argv[i] = bp_strdup(words[i]);
    request->argv = start->argv;
    request->n_argv = start->argc;
}

/* 0, or why there is no image: then exec does it. */
static int capture_program(struct start *start, Bpmix__JobRequest *request, struct bp_error *err)
{
    auto_free char **argv = vector(request->argv, request->n_argv);
    auto_free char **envp = vector(request->env, request->n_env);
    struct bp_image_options options = { /* libraries that are ready fit only themselves */
        .carry = request->start == BPMIX__START__ENTRY ? BP_CARRY_ALL : BP_CARRY_DEFAULT};
    struct bp_image_program program = {
        .path = argv[0], .argv = argv, .envp = envp, .cwd = request->cwd, .search = true,
        .kind = request->start == BPMIX__START__LD ? BP_IMAGE_LD : BP_IMAGE_ENTRY};
    int r = bp_image_capture_exec(&options, &program, &start->image, err);
    if (r < 0)
        return r;
    if (bp_image_head(start->image)->kind == BP_IMAGE_LD)
        request->start = BPMIX__START__LD; /* a static program has no other point */
    use_arguments(start, request, argv);
    return 0;
}

int start_capture(struct start *start, Bpmix__JobRequest *request, const char *tool,
                  struct bp_error *err)
{
    struct bp_error why = {0};
    *start = (struct start){.image = NULL};
    if (request->start == BPMIX__START__EXEC)
        return 0;
    if (request->n_apps > 0) {
        fprintf(stderr, "%s: several programs have no image in common; started by exec\n", tool);
        request->start = BPMIX__START__EXEC;
        return 0;
    }
    if (request->start == BPMIX__START__SELF) {
        int r = warm_capture(request, &start->image, err);
        if (r < 0)
            return r;
    } else if (capture_program(start, request, &why) < 0) {
        auto_free char *text = text_plain(why.text);
        fprintf(stderr, "%s: %s; started by exec\n", tool, text);
        request->start = BPMIX__START__EXEC;
        return 0;
    }
    const struct bp_image_head *head = bp_image_head(start->image);
    if (head->kind != BP_IMAGE_LD) { /* of that one nothing has run */
        memcpy(start->cpu, head->cpu, sizeof start->cpu);
        request->cpu = start->cpu;
        request->n_cpu = BP_IMAGE_CPU_WORDS;
    }
    request->relay = start->relay = bp_image_bytes(start->image) >= RELAY_BYTES;
    return 0;
}

int start_falls_back(struct start *start, Bpmix__JobRequest *request, const char *tool, int code,
                     const char *why)
{
    if (code != -ENOTSUP || request->start != BPMIX__START__ENTRY)
        return 0;
    fprintf(stderr, "%s: %s; started by exec\n", tool, why);
    bp_image_free(bp_take_ptr(start->image));
    request->start = BPMIX__START__EXEC;
    request->n_cpu = 0;
    request->relay = start->relay = 0;
    return 1;
}

static ssize_t read_image(void *arg, void *buffer, size_t size, uint64_t offset,
                          struct bp_error *err)
{
    struct start *start = arg;
    return bp_image_read(start->image, buffer, size, offset, err);
}

static void on_done(void *arg, const struct bp_error *why)
{
    struct start *start = arg;
    bp_image_free(start->image);
    start->image = NULL;
    if (why->code != 0)
        start->failed(start->arg, why->text);
}

void start_send(struct start *start, struct bp_job *job,
                void (*failed)(void *arg, const char *why), void *arg)
{
    start->failed = failed;
    start->arg = arg;
    if (start->image != NULL)
        bp_job_send_image(job, &(struct bp_image_source){.bytes = bp_image_bytes(start->image),
                                                         .read = read_image,
                                                         .done = on_done,
                                                         .arg = start,
                                                         .relay = start->relay});
}

void start_done(struct start *start)
{
    bp_image_free(start->image);
    for (size_t i = 0; i < start->argc; i++)
        free(start->argv[i]);
    free(start->argv);
}
