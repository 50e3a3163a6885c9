// sources: src/nodeagent/space_file.c src/nodeagent/space_job.c src/nodeagent/space_order.c
// src/nodeagent/space_link.c src/common/dial.c src/common/mem.c src/common/error.c src/common/pattern.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_space.c - any SETUP, file of strings and CREATE: refused, or vectors within their room. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_order.h"

#define HEAD 8 /* of an input: what differs from a right packet */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bp_space_packet packet;

static size_t count_vector(char *const *vector)
{
    size_t count = 0;
    while (vector[count] != NULL)
        count += strlen(vector[count]) < BP_SPACE_STRINGS_MAX;
    return count;
}

/* A SETUP whose numbers and strings come from the input. */
static void setup(const uint8_t *head, const uint8_t *rest, size_t size)
{
    struct bp_space_job job = {.argc = 0};
    struct bp_space_setup setup = {.version = BP_SPACE_VERSION, .lease_ms = 1};
    struct bp_error err = {0};
    size_t changed = head[1] % sizeof setup, more = head[2] < size ? head[2] : size;
    if (changed + more > sizeof setup)
        more = sizeof setup - changed;
    memcpy((uint8_t *)&setup + changed, rest, more);
    memcpy(packet.payload, &setup, sizeof setup);
    packet.record = (struct bp_space_record){
        .type = BP_SPACE_SETUP, .length = (uint32_t)(sizeof setup + head[3])};
    packet.fds[0] = memfd_create("strings", MFD_CLOEXEC);
    packet.nfds = 1;
    if (write(packet.fds[0], rest + more, size - more) < 0)
        abort();
    if (bp_space_job_read(&job, &packet, &err) == 0) {
        if (count_vector(job.argv) != job.argc || count_vector(job.envp) != job.envc ||
            strlen(job.cwd) >= BP_SPACE_STRINGS_MAX || job.file_count > BP_SPACE_FILES_MAX ||
            strlen(job.program) >= BP_SPACE_STRINGS_MAX)
            abort();
        for (uint32_t i = 0; i < job.file_count; i++)
            if (job.files[i].fd < 0 || job.files[i].fd > BP_SPACE_FD_MAX || job.files[i].path[0] == '\0')
                abort();
        bp_space_job_done(&job);
    } else if (err.code >= 0 || err.text[0] == '\0') {
        abort();
    }
    bp_space_packet_done(&packet);
}

static void create(const uint8_t *head, const uint8_t *rest, size_t size)
{
    static char *argv[] = {(char *)"prog", NULL};
    static char *envp[] = {(char *)"A=1", (char *)"AB=2", (char *)"A", NULL};
    struct bp_space_job job = {.argc = 1, .envc = 3, .argv = argv, .envp = envp, .cwd = "/",
                               .program = "", .pid_max = 32768};
    struct bp_space_order order;
    char **ret_argv, **ret_envp, **room;
    if (size > sizeof packet.payload)
        return;
    memcpy(packet.payload, rest, size);
    packet.record = (struct bp_space_record){.type = BP_SPACE_CREATE, .serial = head[1],
                                             .pid = (int8_t)head[2], .flags = head[3],
                                             .length = (uint32_t)size};
    packet.nfds = head[4] % (BP_SPACE_FDS_MAX + 1);
    if (bp_space_order_read(&job, &packet, &order) < 0)
        return;
    if (bp_space_order_vectors(&order, &job, &ret_argv, &ret_envp, &room) < 0)
        abort(); /* bp_space_order_read has counted them */
    if (count_vector(ret_argv) != (order.argc > 0 ? order.argc : 1) ||
        count_vector(ret_envp) > order.envc + job.envc ||
        order.cpus + order.cpu_bytes > packet.payload + size)
        abort();
    const char *cwd = bp_space_order_cwd(&order, &job);
    if (order.has_cwd && (cwd < order.strings ||
                          cwd + strlen(cwd) + 1 != order.strings + order.string_bytes))
        abort();
    free(room);
}

static void receive(const uint8_t *bytes, size_t size)
{
    int pair[2];
    if (size > BP_SPACE_PAYLOAD_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        return;
    if (send(pair[0], bytes, size, MSG_NOSIGNAL) < 0)
        abort();
    if (bp_space_receive(pair[1], &packet) == 1 &&
        packet.record.length != size - sizeof packet.record)
        abort();
    bp_space_packet_done(&packet);
    close(pair[0]);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    if (data[0] % 3 == 0)
        setup(data, data + HEAD, size - HEAD);
    else if (data[0] % 3 == 1)
        create(data, data + HEAD, size - HEAD);
    else
        receive(data + 1, size - 1);
    return 0;
}
