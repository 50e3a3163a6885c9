/* SPDX-License-Identifier: BSD-3-Clause */
/* splice.c - the data connection of a launcher that is on a node: the one that its rank's node
 * dialled here and one that its own node dials for it are joined. What passes is secured by the
 * job's key, end to end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/mem.h"
#include "master/master.h"

#define BUFFER_BYTES 65536

struct way { /* one direction */
    struct splice *splice;
    int from, to; /* index of the sides */
    uint8_t *bytes;
    size_t start, end;
    int ended; /* nothing more comes; told to the other side */
};

struct splice {
    struct master *master;
    uint8_t ticket[BP_TICKET_BYTES]; /* that the launcher's node will show */
    uint64_t job;
    int told;     /* the launcher's node has the ticket */
    int nodes[2]; /* the rank's, the launcher's */
    int fds[2];   /* -1: that one is still to come */
    struct event *read[2], *write[2];
    struct way ways[2]; /* by `from` */
    struct splice *prev, *next;
};

static void splice_free(struct splice *splice)
{
    for (int i = 0; i < 2; i++) {
        if (splice->read[i] != NULL)
            event_free(splice->read[i]);
        if (splice->write[i] != NULL)
            event_free(splice->write[i]);
        if (splice->fds[i] >= 0)
            close(splice->fds[i]);
        free(splice->ways[i].bytes);
    }
    DL_DELETE(splice->master->splices, splice);
    free(splice);
}

/* Write what waits. -1: the splice is gone. */
static int flush(struct way *way)
{
    struct splice *splice = way->splice;
    while (way->start < way->end) {
        ssize_t put = send(splice->fds[way->to], way->bytes + way->start, way->end - way->start,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EAGAIN) {
            event_add(splice->write[way->to], NULL);
            return 0;
        }
        if (put < 0) {
            splice_free(splice);
            return -1;
        }
        way->start += (size_t)put;
    }
    way->start = way->end = 0;
    if (!way->ended) {
        event_add(splice->read[way->from], NULL);
        return 0;
    }
    shutdown(splice->fds[way->to], SHUT_WR);
    if (splice->ways[way->to].ended && splice->ways[way->to].end == 0) {
        splice_free(splice);
        return -1;
    }
    return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct way *way = arg;
    ssize_t got = recv(fd, way->bytes, BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        event_add(way->splice->read[way->from], NULL);
        return;
    }
    if (got < 0) {
        splice_free(way->splice);
        return;
    }
    way->ended = got == 0;
    way->end = (size_t)got;
    flush(way);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

void splice_open(struct job *job, int node, int take_fd)
{
    struct splice *splice = bp_calloc(1, sizeof *splice);
    *splice = (struct splice){.master = job->master, .job = job->id,
                              .nodes = {node, job->tool->via->number}, .fds = {take_fd, -1}};
    bp_key_random(splice->ticket, sizeof splice->ticket);
    DL_APPEND(job->master->splices, splice);
    if (job->nested == NULL)
        splice_tell(job);
}

void splice_tell(const struct job *job)
{
    struct splice *splice;
    DL_FOREACH(job->master->splices, splice) {
        Bpmix__JobStream stream = BPMIX__JOB_STREAM__INIT;
        if (splice->job != job->id || splice->told)
            continue;
        stream.ticket = (ProtobufCBinaryData){.data = splice->ticket, .len = BP_TICKET_BYTES};
        splice->told = 1;
        tool_send(job->tool, (struct bp_frame){.type = BP_JOB_STREAM, .node = splice->nodes[0],
                                               .job = job->id}, &stream, NULL, 0);
    }
}

struct job *splice_join(struct master *master, const uint8_t *ticket, int fd, int *ret_node)
{
    struct splice *splice;
    DL_FOREACH(master->splices, splice)
        if (splice->fds[1] < 0 && CRYPTO_memcmp(splice->ticket, ticket, BP_TICKET_BYTES) == 0)
            break;
    if (splice == NULL)
        return NULL;
    splice->fds[1] = fd;
    for (int i = 0; i < 2; i++) {
        splice->ways[i] = (struct way){.splice = splice, .from = i, .to = !i,
                                       .bytes = bp_calloc(1, BUFFER_BYTES)};
        splice->read[i] = event_new(master->base, splice->fds[i], EV_READ, on_readable,
                                    &splice->ways[i]);
        splice->write[i] = event_new(master->base, splice->fds[i], EV_WRITE, on_writable,
                                     &splice->ways[!i]);
        event_add(splice->read[i], NULL);
    }
    *ret_node = splice->nodes[0];
    return job_find(master, splice->job);
}

void splice_job_gone(struct job *job)
{
    struct splice *splice, *next;
    DL_FOREACH_SAFE(job->master->splices, splice, next)
        if (splice->job == job->id && splice->fds[1] < 0)
            splice_free(splice);
}

void splice_node_gone(struct master *master, const struct node *node)
{
    struct splice *splice, *next;
    DL_FOREACH_SAFE(master->splices, splice, next)
        if (splice->nodes[0] == node->number || splice->nodes[1] == node->number)
            splice_free(splice);
}
