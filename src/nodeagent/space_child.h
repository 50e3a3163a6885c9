/* SPDX-License-Identifier: BSD-3-Clause */
/* space_child.h - the birth of one process: clone with its PID, and the way to its exec. */
#ifndef BP_NODEAGENT_SPACE_CHILD_H
#define BP_NODEAGENT_SPACE_CHILD_H

#include "nodeagent/space_order.h"

/* What the child writes into its pipe when it cannot come to its exec; the exec closes the pipe.
 * Where an image is to be restored the restorer goes on with it: it writes a struct
 * bp_restore_report, or closes it. */
struct bp_space_mishap {
    int32_t error; /* errno */
    int32_t step;  /* enum bp_space_step */
};

struct bp_space_birth {
    pid_t pid;
    int pidfd;
    int pipe; /* non-blocking: a struct bp_space_mishap or bp_restore_report, or end of file at the
               * exec or the image's first instruction */
};

/* Clone a child of the caller, or, with as_sibling, of the caller's parent. -EEXIST: the PID is
 * taken. The child goes on to its exec when *ret_go is written to, and ends when it is closed
 * without: so nobody runs whose birth has not been told. Does not wait for the exec. */
int bp_space_child_create(const struct bp_space_job *job, const struct bp_space_order *order,
                          int as_sibling, struct bp_space_birth *ret_birth, int *ret_go);

/* Let the child go; closes take_go. */
void bp_space_child_go(int take_go);

#endif
