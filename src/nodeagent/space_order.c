/* SPDX-License-Identifier: BSD-3-Clause */
/* space_order.c - a CREATE taken apart. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "nodeagent/space_order.h"

static uint32_t count_strings(const char *bytes, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i++)
        count += bytes[i] == '\0';
    return size > 0 && bytes[size - 1] != '\0' ? UINT32_MAX : count;
}

int bp_space_order_read(const struct bp_space_job *job, struct bp_space_packet *packet,
                        struct bp_space_order *ret_order)
{
    const struct bp_space_record *record = &packet->record;
    struct bp_space_create create;
    uint32_t all = BP_SPACE_HELPER | BP_SPACE_IMAGE | BP_SPACE_SELF | BP_SPACE_TERMINAL |
                   BP_SPACE_GATE;
    if (record->length < sizeof create || (record->flags & ~all) != 0)
        return -EPROTO;
    memcpy(&create, packet->payload, sizeof create);
    uint32_t rest = record->length - (uint32_t)sizeof create;
    if (create.cpu_bytes > rest || create.mem_bytes > rest - create.cpu_bytes ||
        create.string_bytes != rest - create.cpu_bytes - create.mem_bytes)
        return -EPROTO;
    uint8_t *mems = packet->payload + sizeof create + create.cpu_bytes;
    char *strings = (char *)mems + create.mem_bytes;
    uint64_t wanted = (uint64_t)create.argc + create.envc + create.has_cwd;
    if (create.has_cwd > 1 || wanted > create.string_bytes ||
        count_strings(strings, create.string_bytes) != wanted)
        return -EPROTO;
    if (packet->nfds < 3 || packet->nfds - 3 != create.extra_fds)
        return -EPROTO;
    int helper = (record->flags & BP_SPACE_HELPER) != 0;
    int image = (record->flags & BP_SPACE_IMAGE) != 0;
    int self = (record->flags & BP_SPACE_SELF) != 0;
    int terminal = (record->flags & BP_SPACE_TERMINAL) != 0;
    int gate = (record->flags & BP_SPACE_GATE) != 0;
    if ((image ? helper || packet->nfds < 4u + (unsigned)gate : self || gate) ||
        (helper && terminal))
        return -EPROTO;
    if (helper ? create.argc == 0 || strings[0] != '/' : create.argc == 0 && job->argc == 0)
        return -EPROTO;
    if (record->serial == 0 || record->pid < 0 || record->pid == 1)
        return -EPROTO;
    *ret_order = (struct bp_space_order){
        .serial = record->serial,
        .pid = record->pid,
        .helper = helper,
        .image = image,
        .self = self,
        .gate = gate,
        .terminal = terminal,
        .result = (int64_t)record->value,
        .cpus = packet->payload + sizeof create,
        .cpu_bytes = create.cpu_bytes,
        .mems = mems,
        .mem_bytes = create.mem_bytes,
        .strings = strings,
        .string_bytes = create.string_bytes,
        .argc = create.argc,
        .envc = create.envc,
        .has_cwd = create.has_cwd,
        .fds = packet->fds,
        .nfds = packet->nfds,
    };
    return record->pid >= job->pid_max ? -EOVERFLOW : 0;
}

static int same_name(const char *a, const char *b)
{
    size_t name = strcspn(a, "=");
    return strncmp(a, b, name) == 0 && (b[name] == '=' || b[name] == '\0');
}

/* Is the job's variable replaced by one of the order's? */
static int replaced(const char *variable, char *const *extra, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (same_name(variable, extra[i]))
            return 1;
    return 0;
}

int bp_space_order_vectors(const struct bp_space_order *order, const struct bp_space_job *job,
                           char ***ret_argv, char ***ret_envp, char ***ret_room)
{
    uint32_t count = order->argc + order->envc + order->has_cwd;
    auto_free char **all =
        bp_calloc((size_t)count + 1 + job->envc + order->envc + 1, sizeof *all);
    char **extra = all + order->argc, **envp = all + count + 1;
    if (bp_space_strings_cut(order->strings, order->string_bytes, count, all) < 0)
        return -EPROTO;
    uint32_t used = 0;
    for (uint32_t i = 0; i < job->envc; i++)
        if (!replaced(job->envp[i], extra, order->envc))
            envp[used++] = job->envp[i];
    memcpy(envp + used, extra, order->envc * sizeof *extra);
    *extra = NULL; /* ends the argument vector */
    *ret_argv = order->argc > 0 ? all : job->argv;
    *ret_envp = envp;
    *ret_room = bp_take_ptr(all);
    return 0;
}

const char *bp_space_order_cwd(const struct bp_space_order *order, const struct bp_space_job *job)
{
    if (!order->has_cwd) /* it is the last string */
        return job->cwd;
    const char *end = order->strings + order->string_bytes - 1;
    while (end > order->strings && end[-1] != '\0')
        end--;
    return end;
}
