/* SPDX-License-Identifier: BSD-3-Clause */
/* kept.h - a job that bpkeeper carries for a program: its news, its output, its image. */
#ifndef BP_TOOLS_KEPT_H
#define BP_TOOLS_KEPT_H

#include "lib/job.h"
#include "lib/keeper.h"

struct kept;

/* Go on with the job in *message, which came on the connection; host: NULL, or the job that this
 * one is a guest of. look(arg) is called when it may be over or idle. Takes the connection and what
 * it needs of the message, also when it fails: then the program has been told. */
struct kept *kept_new(struct event_base *base, int take_control,
                      struct bp_local_message *message, struct kept *host,
                      void (*look)(void *arg), void *arg, struct bp_error *err);
/* Guests first. Writes what is left of the output. */
void kept_free(struct kept *kept);

uint64_t kept_job(const struct kept *kept);
/* It has no process any more. */
int kept_is_idle(const struct kept *kept);
/* All is over, and its output written. */
int kept_is_over(const struct kept *kept);
/* bpmaster is gone. */
int kept_is_lost(const struct kept *kept);
void kept_release(struct kept *kept);

#endif
