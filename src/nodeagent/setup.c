/* SPDX-License-Identifier: BSD-3-Clause */
/* setup.c - what bpspace is told first, and for each guest: user, limits, strings. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/pattern.h"
#include "nodeagent/agent.h"
#include "nodeagent/ompi.h"
#include "nodeagent/space_link.h"

/* While Open MPI 4 waits in MPI_Init it sleeps 0.1 ms at a time. 64 ranks on two CPUs spend two
 * thirds of their time on that; with this slack the kernel wakes them together. */
#define CROWDED_SLACK_US 1000

static size_t strings_size(size_t count, char **strings)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += strlen(strings[i]) + 1;
    return total;
}

static char *put_strings(char *to, size_t count, char **strings)
{
    for (size_t i = 0; i < count; i++)
        to = stpcpy(to, strings[i]) + 1;
    return to;
}

char *space_file_name(const struct space *space, const Bpmix__OpenFile *file, int64_t rank)
{
    struct utsname host;
    uname(&host);
    struct bp_pattern_value values[] = {
        {.letter = 'j', .number = space->job},
        {.letter = 'n', .number = space->node_rank},
        {.letter = 'N', .text = space->open->map[space->node_rank]->name},
        {.letter = 'h', .text = host.nodename},
        {.letter = 't', .number = (uint64_t)rank},
    };
    size_t count = sizeof values / sizeof *values - (rank < 0);
    return file->pattern ? bp_pattern_expand(file->path, values, count, rank >= 0)
                         : bp_strdup(file->path);
}

/* The files in place of descriptors, as bpspace reads them. */
static void make_files(const struct space *space, char **ret_strings)
{
    for (size_t i = 0; i < space->open->n_files; i++) {
        const Bpmix__OpenFile *file = space->open->files[i];
        auto_free char *name = space_file_name(space, file, -1);
        uint32_t flags = (file->flags & BP_SPACE_OPEN_FLAGS) |
                         (file->pattern ? BP_SPACE_PATTERN : 0) |
                         (file->shared ? BP_SPACE_SHARED : 0);
        if (file->connect)
            flags = BP_SPACE_CONNECT | (file->send_info ? BP_SPACE_SEND_INFO : 0);
        ret_strings[i] = bp_format("%u %u %u %lld %s", file->fd, flags, file->mode,
                                   (long long)file->offset, name);
    }
}

/* The job's strings as bpspace wants them, in a memory file. */
static int strings_file(const struct space *space)
{
    const Bpmix__SpaceOpen *open = space->open;
    struct bp_space_strings head = {.argc = (uint32_t)open->n_argv, .envc = (uint32_t)open->n_env,
                                    .files = (uint32_t)open->n_files};
    char *files[BP_SPACE_FILES_MAX];
    if (open->n_files > BP_SPACE_FILES_MAX)
        return -E2BIG;
    make_files(space, files);
    head.bytes = (uint32_t)(strings_size(open->n_argv, open->argv) +
                            strings_size(open->n_env, open->env) + strlen(open->cwd) + 1 +
                            strlen(open->program) + 1 + strings_size(open->n_files, files));
    size_t size = sizeof head + head.bytes;
    auto_free char *bytes = bp_calloc(1, size);
    memcpy(bytes, &head, sizeof head);
    char *next = put_strings(bytes + sizeof head, open->n_argv, open->argv);
    next = put_strings(next, open->n_env, open->env);
    next = put_strings(next, 2, (char *[]){open->cwd, open->program});
    put_strings(next, open->n_files, files);
    for (size_t i = 0; i < open->n_files; i++)
        free(files[i]);
    if (head.bytes > BP_SPACE_STRINGS_MAX)
        return -E2BIG;
    auto_close int fd = memfd_create("bpmix-strings", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < size;) {
        ssize_t put = write(fd, bytes + done, size - done);
        if (put < 0)
            return -errno;
        done += (size_t)put;
    }
    return bp_take_fd(fd);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* own: the agent's, who raised that of open files for itself. */
static uint64_t soft_limit(const struct agent *agent, const Bpmix__Limit *limit, uint64_t own,
                           uint64_t most)
{
    if (limit->node_soft)
        return lower(limit->which == RLIMIT_NOFILE ? agent->files.rlim_cur : own,
                     lower(limit->hard, most));
    return lower(limit->soft, most);
}

static void fill_limits(const struct space *space, struct bp_space_setup *setup)
{
    const Bpmix__SpaceOpen *open = space->open;
    setup->no_limits = open->n_limits == 0;
    for (unsigned i = 0; i < BP_SPACE_LIMITS; i++) {
        struct rlimit own;
        getrlimit((int)i, &own);
        setup->limits[i].soft = own.rlim_cur;
        setup->limits[i].hard = own.rlim_max;
    }
    for (size_t i = 0; i < open->n_limits; i++) {
        const Bpmix__Limit *limit = open->limits[i];
        if (limit->which >= BP_SPACE_LIMITS)
            continue;
        /* Not above this node's own hard limits. */
        uint64_t most = setup->limits[limit->which].hard;
        setup->limits[limit->which].hard = lower(limit->hard, most);
        setup->limits[limit->which].soft =
            soft_limit(space->agent, limit, setup->limits[limit->which].soft, most);
    }
}

int space_is_crowded(const struct space *space)
{
    const Bpmix__SpaceOpen *open = space->open;
    return open->mpi && open->yield &&
           !ompi_is(open->env, open->n_env, "OMPI_MCA_mpi_yield_when_idle", "0");
}

int space_send_setup(struct space *space, unsigned type)
{
    const Bpmix__SpaceOpen *open = space->open;
    struct {
        struct bp_space_setup setup;
        uint32_t groups[BP_SPACE_GROUPS_MAX];
    } payload = {.setup = {
                     .version = BP_SPACE_VERSION,
                     .uid = open->uid,
                     .gid = open->gid,
                     .groups = (uint32_t)open->n_groups,
                     .umask = open->umask,
                     .lease_ms = space->agent->lease_ms,
                     .launcher_pid = open->launcher->pid,
                     .group_pid = open->launcher->group,
                     .session_pid = open->launcher->session,
                     .orphaned = open->launcher->orphaned,
                     .nice = open->launcher->nice,
                     .leads = open->launcher->leads,
                     .ignored = open->launcher->ignored,
                     .timer_slack_us = space_is_crowded(space) ? CROWDED_SLACK_US : 0,
                     .directory = BP_RUNDIR "/job",
                 }};
    if (open->n_groups > BP_SPACE_GROUPS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < open->n_groups; i++)
        payload.groups[i] = open->groups[i];
    fill_limits(space, &payload.setup);
    auto_close int strings = strings_file(space);
    if (strings < 0)
        return strings;
    struct bp_space_record record = {
        .type = type,
        .length = (uint32_t)(sizeof payload.setup + open->n_groups * sizeof payload.groups[0])};
    return bp_space_send(guest_host(space)->fd, &record, &payload, &strings, 1);
}
