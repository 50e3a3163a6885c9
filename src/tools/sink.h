/* SPDX-License-Identifier: BSD-3-Clause */
/* sink.h - bytes to a descriptor that may be slow, without ever blocking the loop and without
 * touching the flags of an open file that other programs share. */
#ifndef BP_TOOLS_SINK_H
#define BP_TOOLS_SINK_H

#include <event2/event.h>
#include <stddef.h>

struct sink;

/* drained(arg): the backlog has become small. broken(arg): nobody reads it any more. */
struct sink *sink_new(struct event_base *base, int fd, void (*drained)(void *arg),
                      void (*broken)(void *arg), void *arg);
void sink_write(struct sink *sink, const void *bytes, size_t length);
size_t sink_backlog(const struct sink *sink);
/* The errno of a write that failed, or 0. */
int sink_error(const struct sink *sink);
int sink_is_terminal(const struct sink *sink);
/* Write all that is left, waiting for the reader. */
void sink_flush(struct sink *sink);
void sink_free(struct sink *sink);

#endif
