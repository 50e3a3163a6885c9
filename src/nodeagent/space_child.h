/* SPDX-License-Identifier: BSD-3-Clause */
/* space_child.h - the birth of one process: clone with its PID, and the way to its exec. */
#ifndef BP_NODEAGENT_SPACE_CHILD_H
#define BP_NODEAGENT_SPACE_CHILD_H

#include "nodeagent/space_order.h"

/* The child's pipe keeps what is written in pieces: each read is one of these, at most. */

/* It cannot come to its exec. */
struct bp_space_mishap {
    int32_t error; /* errno */
    int32_t step;  /* enum bp_space_step */
};

/* It can: its CPUs are behind the word, as the kernel has them. Of odd length, unlike the others.
 * OPENING and OPENED stand around files that may have to be waited for. */
enum bp_space_word { BP_WORD_OPENING = 1, BP_WORD_OPENED, BP_WORD_CPUS };
struct bp_space_cpus {
    uint8_t word; /* enum bp_space_word */
    uint8_t mask[BP_SPACE_CPUS_BYTES];
};

struct bp_space_birth {
    pid_t pid;
    int pidfd;
    int pipe; /* non-blocking: words; at last a struct bp_space_mishap or, of the restorer, a struct
               * bp_restore_report, or end of file at the exec or the image's first instruction */
};

/* Clone a child of the caller, or, with as_sibling, of the caller's parent. -EEXIST: the PID is
 * taken. The child goes on to its exec when *ret_go is written to, and ends when it is closed
 * without: so nobody runs whose birth has not been told. Does not wait for the exec. */
int bp_space_child_create(const struct bp_space_job *job, const struct bp_space_order *order,
                          int as_sibling, struct bp_space_birth *ret_birth, int *ret_go);

/* Let the child go; closes take_go. */
void bp_space_child_go(int take_go);

#endif
