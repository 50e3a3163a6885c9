/* SPDX-License-Identifier: BSD-3-Clause */
/* space_peer.h - bpnode's part in the tests of bpspace: open a space, create, signal, listen. */
#ifndef BP_TEST_SPACE_PEER_H
#define BP_TEST_SPACE_PEER_H

#include <sys/types.h>

#include "nodeagent/space_link.h"

#define PEER_BACKLOG 8192

struct peer {
    int socket; /* -1 = closed */
    pid_t pid;  /* bpspace's */
    struct bp_space_setup setup;
    gid_t groups[8];
    const char *const *argv; /* of the job */
    const char *const *envp;
    const char *cwd;
    struct bp_space_packet packet; /* the last one received */
    unsigned waiting;
    struct bp_space_record backlog[PEER_BACKLOG]; /* received, not yet asked for */
};

struct creation { /* one CREATE; everything may be left out */
    uint64_t serial;
    pid_t pid;
    uint32_t flags;
    const char *const *argv;
    const char *const *envp;
    const unsigned char *cpus;
    uint32_t cpu_bytes;
    int stdin_fd;  /* 0 = /dev/null */
    int stdout_fd; /* 0 = /dev/null; stays the caller's */
};

extern const char *peer_program; /* bpspace */

/* A setup for uid, with no limits set, orphaned, a long lease, no stubs. */
void peer_init(struct peer *peer, uid_t uid);

/* Start and SETUP; the first record from bpspace is in *ret_first. 0, or -1 (told as a comment). */
int peer_open(struct peer *peer, struct bp_space_record *ret_first);

/* Send one CREATE. */
void peer_create(struct peer *peer, const struct creation *creation);

void peer_send(struct peer *peer, uint32_t type, uint64_t serial, uint64_t value);
void peer_signal(struct peer *peer, uint64_t serial, int signo);

/* Wait for the record (serial 0 = of anybody); others are kept for later. 1, or 0 = it does not
 * come within a bound (told as a comment), or bpspace is gone. */
int peer_expect(struct peer *peer, uint32_t type, uint64_t serial, struct bp_space_record *ret);

/* Has such a record come by now? Does not wait. */
int peer_has(struct peer *peer, uint32_t type, uint64_t serial);

/* Wait for bpspace's end and reap it; returns its wait status, or -1 if it does not end. */
int peer_wait(struct peer *peer);

/* CLOSE and wait. */
int peer_close(struct peer *peer);

/* Create argv as serial, read its output to the end, and wait for its exit: its wait status; -1 =
 * FAILED, with *ret_last telling why. output is NUL-terminated. */
int peer_run(struct peer *peer, struct creation *creation, char *output, size_t size,
             struct bp_space_record *ret_last);

/* Read fd to its end, or size - 1 bytes, or the first newline if line. */
void peer_read(int fd, char *text, size_t size, int line);

#endif
