/* SPDX-License-Identifier: BSD-3-Clause */
/* space_order.h - a CREATE taken apart. */
#ifndef BP_NODEAGENT_SPACE_ORDER_H
#define BP_NODEAGENT_SPACE_ORDER_H

#include "nodeagent/space_job.h"

struct bp_space_order { /* everything points into the packet */
    uint64_t serial;
    pid_t pid; /* 0 = any */
    int helper;
    int image;      /* the last descriptor is an image, to be made the program */
    int self;       /* of kind SELF */
    int gate;       /* which is not whole: the descriptor before it says when */
    int terminal;   /* the first descriptor becomes its session's */
    int64_t result; /* for it */
    const uint8_t *cpus;
    uint32_t cpu_bytes;
    const uint8_t *mems;
    uint32_t mem_bytes;
    char *strings;
    uint32_t string_bytes;
    uint32_t argc, envc;
    uint32_t has_cwd; /* one string more: the working directory in place of the job's */
    const int *fds;
    unsigned nfds;
};

/* -EPROTO: counts, lengths and descriptors do not fit together; -EOVERFLOW: the PID is above what
 * this namespace numbers. */
int bp_space_order_read(const struct bp_space_job *job, struct bp_space_packet *packet,
                        struct bp_space_order *ret_order);

/* The order's argument vector and environment (the job's, with the order's in place of variables of
 * the same name). Both need *ret_room, which is the caller's. */
int bp_space_order_vectors(const struct bp_space_order *order, const struct bp_space_job *job,
                           char ***ret_argv, char ***ret_envp, char ***ret_room);
/* Where it starts to run; "" = "/". */
const char *bp_space_order_cwd(const struct bp_space_order *order, const struct bp_space_job *job);

#endif
