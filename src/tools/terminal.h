/* SPDX-License-Identifier: BSD-3-Clause */
/* terminal.h - the launcher's terminal while rank 0 has one on its node (--pty): raw, so that keys
 * and control characters go there as they are typed, and as it was again afterwards. */
#ifndef BP_TOOLS_TERMINAL_H
#define BP_TOOLS_TERMINAL_H

#include <sys/ioctl.h>
#include <termios.h>

#include "lib/job.h"

struct terminal {
    int fd;     /* the launcher's stdin, or where its size is to be had; -1 = no terminal */
    int is_raw;
    int is_over; /* rank 0 has no terminal any more: the keys are the launcher's for good */
    int guard;  /* while it is raw: a process restores it when this end is closed unsaid */
    struct termios saved;
    struct winsize size; /* as rank 0's is, or is told to be */
};

/* Look at the terminal and put it into the request, both of which must last as long as this. */
void terminal_init(struct terminal *terminal, Bpmix__Pty *pty, Bpmix__JobRequest *request);
/* From now on it is raw, unless that is over. 0 or -errno. */
int terminal_raw(struct terminal *terminal);
void terminal_restore(struct terminal *terminal);
/* The same for good: rank 0 has ended. */
void terminal_end(struct terminal *terminal);
/* The bytes with a carriage return before each newline, as a raw terminal needs it; free() it. */
char *terminal_lines(const uint8_t *bytes, size_t length, size_t *ret_length);
/* Its size may have changed: tell the node of rank 0, when it can hear that. */
void terminal_look(struct terminal *terminal, struct bp_job *job);

#endif
