/* SPDX-License-Identifier: BSD-3-Clause */
/* space_exe.h - what lets a user's process that starts from an image have its program as
 * /proc/self/exe: the file, and the one capability that the restorer needs to name it and then
 * drops. */
#ifndef BP_NODEAGENT_SPACE_EXE_H
#define BP_NODEAGENT_SPACE_EXE_H

#include <sys/types.h>

/* Before the change to a user: let the capability survive it. */
void bp_space_exe_prepare(void);

/* After it: give up all capabilities, but, with keep, the one for later, which has no effect yet. 0
 * or -errno. */
int bp_space_exe_drop(int keep);

/* The program's file as this node has it, opened as the user, and the capability made such that the
 * restorer's exec passes it on. -1: there is no such file, or no capability; none is left then. */
int bp_space_exe_open(int image);

#endif
