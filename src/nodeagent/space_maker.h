/* SPDX-License-Identifier: BSD-3-Clause */
/* space_maker.h - the process that is the ranks' parent: clones them, and hands their exits up.
 *
 * It is the launcher's stub, so that the ranks' parent, group and session are the master's by
 * nature. It keeps no table: PID 1 sends it checked CREATE packets and it answers in order with
 * BORN or FAILED; EXIT, STOPPED and CONTINUED name the process by its PID alone. */
#ifndef BP_NODEAGENT_SPACE_MAKER_H
#define BP_NODEAGENT_SPACE_MAKER_H

#include "nodeagent/space_job.h"

enum bp_space_inner_type { /* between the maker and PID 1 only */
                           BP_SPACE_BORN =
                               128, /* serial, pid; descriptors: pidfd, the pipe of its mishap */
};

/* Serve socket until PID 1 is gone; as_siblings: the children are made children of our parent.
 * All signals must be blocked. The job is the maker's own copy: SETTINGS change it. */
_Noreturn void bp_space_maker_run(struct bp_space_job *job, int socket, int as_siblings);

/* What waitid() tells about a child, as the record EXIT, STOPPED or CONTINUED (serial 0), without
 * reaping it: 1 = *ret_record is filled, 0 = nothing to tell, -ECHILD. */
int bp_space_wait_peek(struct bp_space_record *ret_record);

/* Take what peek showed out of the kernel; after an EXIT the PID is free. 0 = it is over. */
int bp_space_wait_consume(const struct bp_space_record *record);

#endif
