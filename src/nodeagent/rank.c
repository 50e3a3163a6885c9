/* SPDX-License-Identifier: BSD-3-Clause */
/* rank.c - a rank's creation with its environment and pipes, and its end. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "nodeagent/ompi.h"

#define LINGER_S 1 /* that a launcher which a rank has left may write on */
#define TEXT_MAX 1000 /* bytes of a program's or folder's name in a message */

struct strings { /* of a CREATE, in its order: words, variables, the working directory */
    char **list;
    size_t count;
};

static void env_add(struct strings *strings, char *take_string)
{
    strings->list = bp_realloc(strings->list, strings->count + 1, sizeof *strings->list);
    strings->list[strings->count++] = take_string;
}

static void strings_done(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->list[i]);
    free(strings->list);
}

/* Variables added to the job's; the program's own come first, so that its ranks see those. */
static void env_fill(struct strings *env, const struct rank *rank)
{
    const struct space *space = rank->space;
    const Bpmix__SpaceOpen *open = space->open;
    const Bpmix__App *app = app_of(rank);
    for (size_t i = 0; app != NULL && i < app->n_env; i++)
        env_add(env, bp_strdup(app->env[i]));
    env_add(env, bp_format("BPROC_RANK=%u", rank->rank));
    env_add(env, bp_format("BPROC_NODE=%d", space->agent->node));
    if (!open->mpi)
        return;
    env_add(env, bp_format("OMPI_COMM_WORLD_RANK=%u", rank->rank));
    env_add(env, bp_format("OMPI_COMM_WORLD_SIZE=%zu", space->rank_total));
    env_add(env, bp_format("OMPI_COMM_WORLD_LOCAL_RANK=%u", rank->local));
    env_add(env, bp_format("OMPI_COMM_WORLD_LOCAL_SIZE=%zu",
                           open->map[space->node_rank]->n_ranks));
    env_add(env, bp_format("OMPI_COMM_WORLD_NODE_RANK=%u", rank->local));
    const Bpmix__RankEnv *pmix = shepherd_rank_env(space, rank->rank);
    for (size_t i = 0; pmix != NULL && i < pmix->n_env; i++)
        env_add(env, bp_strdup(pmix->env[i]));
    if (!ompi_is_set(open->env, open->n_env, "HOME")) /* libpmix dies without it */
        env_add(env, bp_strdup("HOME=/"));
    if (space_is_crowded(space) &&
        !ompi_is_set(open->env, open->n_env, "OMPI_MCA_mpi_yield_when_idle"))
        env_add(env, bp_strdup("OMPI_MCA_mpi_yield_when_idle=1"));
    char *mtl = open->no_hfi ? ompi_mtl_without_psm(open->env, open->n_env) : NULL;
    if (mtl != NULL)
        env_add(env, mtl);
}

/* Which GPUs the program should see. */
static void env_add_gpus(struct strings *env, const struct rank *rank)
{
    char *words[BP_GPU_WORDS_MAX + 1];
    bp_gpu_environment(&rank->space->agent->hardware, rank->gpus, rank->gpu_count, words);
    for (size_t i = 0; words[i] != NULL; i++)
        env_add(env, words[i]);
}

/* Payload of CREATE: head, CPU mask, memory mask, strings. NULL = the strings are too long. */
static uint8_t *payload(const struct rank *rank, unsigned flags, uint32_t *ret_length)
{
    const Bpmix__App *app = app_of(rank);
    struct bp_space_create head = {.cpu_bytes = (uint32_t)rank->cpu_bytes,
                                   .mem_bytes = (uint32_t)rank->mem_bytes,
                                   .argc = app != NULL ? (uint32_t)app->n_argv : 0,
                                   .has_cwd = app != NULL && app->cwd[0] != '\0',
                                   .extra_fds = ((flags & BP_SPACE_IMAGE) != 0) +
                                                ((flags & BP_SPACE_GATE) != 0)};
    struct strings strings = {.count = 0};
    for (uint32_t i = 0; i < head.argc; i++)
        env_add(&strings, app_word(rank, app->argv[i]));
    env_fill(&strings, rank);
    env_add_gpus(&strings, rank);
    head.envc = (uint32_t)strings.count - head.argc;
    if (head.has_cwd)
        env_add(&strings, bp_strdup(app->cwd));
    size_t length = 0;
    for (size_t i = 0; i < strings.count; i++)
        length += strlen(strings.list[i]) + 1;
    uint8_t *bytes = NULL;
    size_t masks = rank->cpu_bytes + rank->mem_bytes;
    if (sizeof head + masks + length <= BP_SPACE_PAYLOAD_MAX) {
        head.string_bytes = (uint32_t)length;
        *ret_length = (uint32_t)(sizeof head + masks) + head.string_bytes;
        bytes = bp_calloc(1, *ret_length);
        memcpy(bytes, &head, sizeof head);
        memcpy(bytes + sizeof head, rank->cpus, rank->cpu_bytes);
        memcpy(bytes + sizeof head + rank->cpu_bytes, rank->mems, rank->mem_bytes);
        char *next = (char *)bytes + sizeof head + masks;
        for (size_t i = 0; i < strings.count; i++)
            next = stpcpy(next, strings.list[i]) + 1;
    }
    strings_done(&strings);
    return bytes;
}

static uint32_t local_rank(const struct space *space, uint32_t rank)
{
    const Bpmix__MapNode *here = space->open->map[space->node_rank];
    uint32_t local = 0;
    while (local < here->n_ranks && here->ranks[local] != rank)
        local++;
    return local;
}

/* Of its image, if it starts from one: a descriptor is there, and perhaps the gate before it. */
static unsigned image_flags(const struct space *space, int gate)
{
    unsigned flags = space->open->start == BPMIX__START__SELF ? BP_SPACE_SELF : 0;
    if (!space->image.whole && gate < 0)
        return 0;
    return flags | BP_SPACE_IMAGE | (gate >= 0 ? BP_SPACE_GATE : 0);
}

void rank_create(struct space *space, const Bpmix__Proc *proc, int gate)
{
    struct rank *rank;
    HASH_FIND(hh, space->ranks, &proc->serial, sizeof proc->serial, rank);
    if (rank != NULL || proc->serial == 0)
        return;
    rank = bp_calloc(1, sizeof *rank);
    *rank = (struct rank){.space = space, .serial = proc->serial, .rank = proc->rank,
                          .local = local_rank(space, proc->rank), .pid = proc->pid, .input = -1,
                          .input_peek = -1,
                          .output = {-1, -1}, .cpu_bytes = proc->cpus.len,
                          .mem_bytes = proc->mems.len, .gpu_count = proc->n_gpus};
    rank->cpus = bp_memdup(proc->cpus.data, proc->cpus.len);
    rank->mems = bp_memdup(proc->mems.data, proc->mems.len);
    rank->gpus = bp_memdup(proc->gpus, proc->n_gpus * sizeof *proc->gpus);
    HASH_ADD(hh, space->ranks, serial, sizeof rank->serial, rank);
    int fds[5];
    if (space->image.failed.code != 0) {
        rank_failed(rank, -space->image.failed.code, BP_STEP_IMAGE, space->image.failed.text);
        return;
    }
    uint32_t length = 0;
    unsigned flags = image_flags(space, gate), fd_count = 3;
    auto_free uint8_t *bytes = payload(rank, flags, &length);
    if (bytes == NULL) {
        rank_failed(rank, E2BIG, BP_STEP_EXEC, NULL);
        return;
    }
    int r = stdio_open(rank, fds);
    if (r < 0) {
        rank_failed(rank, -r, BP_STEP_CLONE,
                    space->open->pty != NULL ? "its terminal cannot be made" : NULL);
        return;
    }
    if ((flags & BP_SPACE_GATE) != 0)
        fds[fd_count++] = gate;
    if ((flags & BP_SPACE_IMAGE) != 0)
        fds[fd_count++] = space->image.fd;
    struct bp_space_record record = {.type = BP_SPACE_CREATE, .length = length,
                                     .serial = rank->serial, .pid = rank->pid,
                                     .value = rank->rank, .flags = flags};
    if (rank->has_terminal)
        record.flags |= BP_SPACE_TERMINAL;
    space_send_record(space, &record, bytes, fds, fd_count);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

void rank_created(struct rank *rank, const void *cpus, size_t length)
{
    Bpmix__ProcCreated created = BPMIX__PROC_CREATED__INIT;
    created.cpus = (ProtobufCBinaryData){.data = (uint8_t *)cpus, .len = length};
    rank->created = 1;
    space_tell(rank->space, BP_PROC_CREATED, rank->serial, &created);
    stdio_watch(rank);
}

static char *file_name(const struct rank *rank, unsigned fd)
{
    const Bpmix__SpaceOpen *open = rank->space->open;
    for (size_t i = 0; i < open->n_files; i++)
        if (open->files[i]->fd == fd)
            return space_file_name(rank->space, open->files[i], rank->rank);
    return NULL;
}

static const char *failed_text(const struct rank *rank, int step, int errnum)
{
    const Bpmix__SpaceOpen *open = rank->space->open;
    const Bpmix__App *app = app_of(rank);
    switch (step) {
    case BP_STEP_EXEC:
        if (app != NULL)
            return app->argv[0];
        return open->program[0] != '\0' ? open->program : open->argv[0];
    case BP_STEP_CHDIR:
        return app != NULL && app->cwd[0] != '\0' ? app->cwd : open->cwd;
    case BP_STEP_CLONE:
        return errnum == EOVERFLOW ? "its PID is above kernel.pid_max here"
                                   : "the process cannot be made";
    case BP_STEP_LIMITS:
        return "its limits cannot be set";
    case BP_STEP_AFFINITY:
        return "it cannot be bound to its CPUs or its memory";
    case BP_STEP_IDENTITY:
        return "it cannot be given its user and groups";
    default:
        return "it cannot be started";
    }
}

void rank_failed(struct rank *rank, int errnum, int step, const char *why)
{
    Bpmix__ProcFailed failed = BPMIX__PROC_FAILED__INIT;
    char text[TEXT_MAX + 1];
    auto_free char *file = step >= BP_STEP_FILE ? file_name(rank, (unsigned)step - BP_STEP_FILE)
                                                : NULL;
    if (why == NULL)
        why = file != NULL ? file : failed_text(rank, step, errnum);
    snprintf(text, sizeof text, "%s", why);
    failed.errnum = errnum;
    failed.step = step;
    failed.text = text;
    if (rank->reported)
        return;
    rank->exited = rank->reported = 1;
    stdio_close(rank);
    space_tell(rank->space, BP_PROC_FAILED, rank->serial, &failed);
}

static void linger_end(struct rank *rank)
{
    event_free(bp_take_ptr(rank->linger));
    stdio_drain(rank);
    rank_check_end(rank);
}

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    linger_end(arg);
}

void rank_launcher_gone(struct space *space)
{
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next)
        if (rank->linger != NULL && !relay_has_launcher(rank))
            linger_end(rank);
}

void rank_exited(struct rank *rank, const struct bp_space_record *record)
{
    if (rank->exited)
        return;
    rank->exited = 1;
    rank->status = record->status;
    rank->cpu_us = record->cpu_us;
    rank->maxrss_kib = record->maxrss_kib;
    stdio_left(rank);
    if (relay_has_launcher(rank)) {
        rank->linger = evtimer_new(rank->space->agent->base, on_linger, rank);
        event_add(rank->linger, &(struct timeval){.tv_sec = LINGER_S});
    }
    stdio_drain(rank);
    rank_check_end(rank);
}

void rank_check_end(struct rank *rank)
{
    if (!rank->exited || rank->reported || !rank->dry[0] || !rank->dry[1])
        return;
    if (!rank->said_dry)
        data_send(rank->space, BP_STREAM_DRY, 0, rank->rank, NULL, 0);
    rank->said_dry = 1;
    if (rank->linger != NULL)
        return;
    Bpmix__ProcExit exited = BPMIX__PROC_EXIT__INIT;
    exited.status = rank->status;
    exited.cpu_us = rank->cpu_us;
    exited.maxrss_kib = rank->maxrss_kib;
    rank->reported = 1;
    space_tell(rank->space, BP_PROC_EXIT, rank->serial, &exited);
}

void rank_free(struct rank *rank)
{
    HASH_DEL(rank->space->ranks, rank);
    if (rank->linger != NULL)
        event_free(rank->linger);
    stdio_close(rank);
    free(rank->cpus);
    free(rank->mems);
    free(rank->gpus);
    free(rank);
}
