/* SPDX-License-Identifier: BSD-3-Clause */
/* launch.c - opening a job. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/client.h"
#include "lib/launch.h"
#include "proto/ghost_record.h"
#include "proto/key.h"

static int take_map(const struct bp_local_message *message, Bpmix__JobMap **ret_map,
                    struct bp_error *err)
{
    Bpmix__JobMap *map = BP_UNPACK(JobMap, job_map, message->body, message->frame.length, err);
    if (map == NULL)
        return err->code;
    size_t herds = (map->n_ranks + BP_GHOST_MAX - 1) / BP_GHOST_MAX;
    if (map->n_ranks == 0 || map->key.len != BP_KEY_BYTES || herds != message->fd_count) {
        bp_unpack_free(map);
        return bp_error_set(err, -EPROTO, "bpmaster sent a map that makes no sense");
    }
    *ret_map = map;
    return 0;
}

static int hear_wait(const struct bp_local_message *news, bp_launch_waits *waits, void *arg,
                     struct bp_error *err)
{
    auto_unpack Bpmix__JobWait *wait =
        BP_UNPACK(JobWait, job_wait, news->body, news->frame.length, err);
    if (wait == NULL)
        return err->code;
    if (waits != NULL)
        waits(arg, wait);
    return 0;
}

/* The map, after any number of news that it is still waited for. */
static int await_map(int fd, bp_launch_waits *waits, void *arg,
                     struct bp_local_message *ret_message, struct bp_error *err)
{
    for (;;) {
        int r = bp_client_news(fd, BP_JOB_WAIT, BP_JOB_MAP, ret_message, err);
        if (r < 0 || ret_message->frame.type == BP_JOB_MAP)
            return r;
        r = hear_wait(ret_message, waits, arg, err);
        bp_local_done(ret_message);
        if (r < 0)
            return r;
    }
}

int bp_launch_ask(const Bpmix__JobRequest *request, struct bp_error *err)
{
    auto_close int fd = bp_client_connect(err);
    int r = fd < 0 ? fd : bp_client_send(fd, (struct bp_frame){.type = BP_JOB_OPEN}, request, err);
    return r < 0 ? r : bp_take_fd(fd);
}

int bp_launch_answer(int take_fd, bp_launch_waits *waits, void *arg, struct bp_launch *ret_launch,
                     struct bp_local_message *ret_herds, struct bp_error *err)
{
    struct bp_local_message message;
    Bpmix__JobMap *map = NULL;
    auto_close int fd = take_fd;
    int r = await_map(fd, waits, arg, &message, err);
    if (r < 0)
        return r;
    r = take_map(&message, &map, err);
    if (r < 0) {
        bp_local_done(&message);
        return r;
    }
    *ret_launch = (struct bp_launch){.fd = bp_take_fd(fd), .map = map};
    *ret_herds = message;
    return 0;
}

int bp_launch_open(const Bpmix__JobRequest *request, bp_launch_waits *waits, void *arg,
                   struct bp_launch *ret_launch, struct bp_local_message *ret_herds,
                   struct bp_error *err)
{
    int fd = bp_launch_ask(request, err);
    return fd < 0 ? fd : bp_launch_answer(fd, waits, arg, ret_launch, ret_herds, err);
}

static int herd_begin(const struct bp_launch *launch, char *const argv[],
                      const struct bp_local_message *herds, unsigned herd,
                      struct bp_herd_making *ret_making, struct bp_error *err)
{
    int32_t given[BP_GHOST_MAX];
    size_t first = (size_t)herd * BP_GHOST_MAX, left = launch->map->n_ranks - first;
    uint32_t count = left < BP_GHOST_MAX ? (uint32_t)left : BP_GHOST_MAX;
    for (uint32_t k = 0; k < count; k++)
        given[k] = launch->map->ranks[first + k]->pid;
    /* Where the ghosts are there already, these are to be placeholders. */
    return bp_herd_begin(herds->fds[herd], count, launch->map->lease_ms, argv,
                         given[0] != 0 ? given : NULL, ret_making, err);
}

int bp_launch_begin(const struct bp_launch *launch, char *const argv[],
                    struct bp_local_message *take_herds, struct bp_herd_making *ret_making,
                    struct bp_error *err)
{
    int r = herd_begin(launch, argv, take_herds, 0, ret_making, err);
    bp_local_done(take_herds);
    return r;
}

int bp_launch_children(const struct bp_launch *launch, char *const argv[],
                       struct bp_local_message *take_herds, int32_t *ret_pids,
                       struct bp_error *err)
{
    struct bp_herd_making making;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < take_herds->fd_count; i++) {
        r = herd_begin(launch, argv, take_herds, i, &making, err);
        if (r == 0)
            r = bp_herd_end(&making, ret_pids != NULL ? ret_pids + (size_t)i * BP_GHOST_MAX : NULL,
                            err);
    }
    bp_local_done(take_herds);
    return r;
}

int bp_launch_ghosts(const struct bp_launch *launch, const Bpmix__JobRequest *request,
                     struct bp_local_message *take_herds, struct bp_error *err)
{
    auto_free char **argv = bp_calloc(request->n_argv + 1, sizeof *argv);
    memcpy(argv, request->argv, request->n_argv * sizeof *argv);
    return bp_launch_children(launch, argv, take_herds, NULL, err);
}

void bp_launch_done(struct bp_launch *launch)
{
    if (launch->fd >= 0)
        close(launch->fd);
    launch->fd = -1;
    bp_unpack_free(launch->map);
    launch->map = NULL;
}
