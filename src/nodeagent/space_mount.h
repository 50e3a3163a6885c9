/* SPDX-License-Identifier: BSD-3-Clause */
/* space_mount.h - the space's own mounts, and where its PIDs come from. */
#ifndef BP_NODEAGENT_SPACE_MOUNT_H
#define BP_NODEAGENT_SPACE_MOUNT_H

#include "nodeagent/space_job.h"

/* Mounts become slaves (those made later on the node appear, ours stay here); fresh /proc, /dev/shm
 * and the job's directory; the host name where SETUP gives one. */
int bp_space_mount_all(const struct bp_space_job *job, struct bp_error *err);

/* Raise the namespace's pid_max where it has one of its own, put the PID cursor at the upper half
 * and set job->pid_max. Needs the fresh /proc. */
int bp_space_cursor_init(struct bp_space_job *job, struct bp_error *err);

/* Put the cursor back at the upper half if it has run over the end. Cheap: called now and then. */
void bp_space_cursor_check(const struct bp_space_job *job);

#endif
