/* SPDX-License-Identifier: BSD-3-Clause */
/* input.h - the launcher's stdin to one rank or to all, read only when a rank waits for it. */
#ifndef BP_TOOLS_INPUT_H
#define BP_TOOLS_INPUT_H

#include <stdint.h>

#include "tools/ranks.h"

struct input;

/* stdin_rank: a rank, -1 = all, -2 = none (then this is NULL). */
struct input *input_new(struct event_base *base, struct ranks *all, int stdin_rank);
void input_credit(struct input *input, uint32_t rank, uint32_t taken);
/* The rank exists: it can be sent something. */
void input_rank_there(struct input *input, uint32_t rank);
/* A data connection has come: look again. */
void input_look(struct input *input);
/* The rank has ended with so many bytes unread. */
void input_left(struct input *input, uint32_t rank, uint32_t bytes);
/* The rank has ended or was never made: it hinders the others no longer. */
void input_rank_gone(struct input *input, uint32_t rank);
/* Why standard input could not be read to its end: an errno, or 0. */
int input_error(const struct input *input);
/* Give back to a file what was read from it and reached nobody. */
void input_finish(struct input *input);
void input_free(struct input *input);

#endif
