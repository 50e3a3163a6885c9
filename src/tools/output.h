/* SPDX-License-Identifier: BSD-3-Clause */
/* output.h - the ranks' stdout and stderr to the launcher's, line by line. */
#ifndef BP_TOOLS_OUTPUT_H
#define BP_TOOLS_OUTPUT_H

#include <stdint.h>

#include "tools/ranks.h"

#define LINE_MAX_BYTES 65536 /* longer lines may be torn, unless the style says otherwise */

enum label {
    LABEL_NONE,
    LABEL_RANK, /* "3: " as srun -l */
    LABEL_NODE, /* "n1: " as bpsh -p */
};

struct output_style {
    enum label label;
    int stamp;            /* the time stands in front of the label */
    int lines;            /* whole lines also when there is only one rank */
    int plain_first;      /* rank 0's as it comes, without a label: it has a terminal */
    unsigned line_bytes;  /* longer lines may be torn; 0 = LINE_MAX_BYTES */
    struct output_end {
        int fd;           /* 0 = the launcher's own */
        const char *name; /* of fd, where it is not the launcher's own */
        int is_one;       /* only of this rank, what others write is dropped */
        uint32_t rank;
    } ends[2]; /* stdout, stderr */
};

struct output;

struct output *output_new(struct event_base *base, struct ranks *ranks,
                          const struct output_style *style);
void output_bytes(struct output *output, uint32_t rank, unsigned channel, const uint8_t *bytes,
                  size_t length);
/* A line of the launcher's own, to stdout. */
void output_line(struct output *output, const char *line);
/* 1 = its readers are slow: stop giving, if you can, until room(arg) is called. */
int output_is_full(const struct output *output);
void output_on_room(struct output *output, void (*room)(void *arg), void *arg);
/* Called once when something cannot be written, but where its reader has gone (EPIPE). */
void output_on_failed(struct output *output, void (*failed)(void *arg, const struct bp_error *why),
                      void *arg);
/* Wait for the readers. */
void output_flush(struct output *output);
/* Write all that is left, unfinished lines too, waiting for the readers. */
void output_finish(struct output *output);
void output_free(struct output *output);

#endif
