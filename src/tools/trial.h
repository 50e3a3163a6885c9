/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.h - a child of a launcher sees whether a process can come home, before it does. */
#ifndef BP_TOOLS_TRIAL_H
#define BP_TOOLS_TRIAL_H

#include <sys/types.h>

#include "proto/pack.h"

struct trial {
    const Bpmix__JobMove *move; /* what it is to be; NULL = what its image is */
    pid_t pid;                  /* its */
    int image;                  /* a sealed memory file */
    int report; /* struct bp_restore_report why not; nothing, and exit status 0, if it can */
    int files;  /* a socket, for a JOB_HOME frame with those of its JobMove, opened */
};

/* In the child. Files are opened here, and never again; a program is executed, and killed before
 * its first instruction; an image is restored up to where it would begin. */
_Noreturn void trial_run(const struct trial *trial);

#endif
