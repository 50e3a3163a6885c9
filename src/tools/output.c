/* SPDX-License-Identifier: BSD-3-Clause */
/* output.c - the ranks' stdout and stderr to the launcher's, line by line.
 *
 * With one rank and no label bytes go through as they come, unless whole lines are wanted. Else
 * each rank's channel has a buffer for the line it is in; only whole lines go on, so that no line
 * is torn by another rank. A line without its end goes on when it is longer than the style's
 * line_bytes, at the end, and, on a terminal, when its rank has been silent for a moment: somebody
 * may be waiting for a prompt. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "common/mem.h"
#include "tools/output.h"
#include "tools/sink.h"

#define HIGH      (1u << 20)
#define SILENT_US 50000
#define STAMP     "2000-01-01T00:00:00.000 " /* room for a time */

struct line { /* the unfinished line of one rank's channel */
    char *bytes;
    size_t length, size;
    int torn; /* its beginning has been written already */
    int fresh; /* something came since the last look */
};

struct output {
    struct ranks *all;
    enum label label;
    int stamp;
    int whole; /* lines also of a single rank */
    int plain_first;
    size_t line_bytes;
    void (*room)(void *arg);
    void *room_arg;
    void (*failed)(void *arg, const struct bp_error *why);
    void *failed_arg;
    struct output_end ends[2];
    struct sink *sinks[2];
    struct line *lines[2]; /* by rank */
    size_t ranks;
    struct event *silence;
    int waiting; /* there are unfinished lines and the timer runs */
    char **labels;
    char *scratch; /* lines with their labels, on their way to a sink */
    size_t scratch_size;
};

static void on_drained(void *arg)
{
    struct output *output = arg;
    if (output_is_full(output))
        return;
    ranks_pause(output->all, 0);
    if (output->room != NULL)
        output->room(output->room_arg);
}

int output_is_full(const struct output *output)
{
    return sink_backlog(output->sinks[0]) >= HIGH || sink_backlog(output->sinks[1]) >= HIGH;
}

void output_on_room(struct output *output, void (*room)(void *arg), void *arg)
{
    output->room = room;
    output->room_arg = arg;
}

void output_on_failed(struct output *output, void (*failed)(void *arg, const struct bp_error *why),
                      void *arg)
{
    output->failed = failed;
    output->failed_arg = arg;
}

/* The ranks see what a local program would: SIGPIPE. */
static void on_broken(struct output *output, unsigned channel)
{
    static const char *const names[] = {"standard output", "standard error"};
    int both = output->sinks[0] == output->sinks[1];
    int error = sink_error(output->sinks[channel - 1]);
    if (output->failed != NULL) {
        struct bp_error why = {0};
        const char *name = output->ends[channel - 1].name;
        bp_error_set(&why, -error, "%s: %s", name != NULL ? name : names[channel - 1],
                     strerror(error));
        output->failed(output->failed_arg, &why);
    }
    ranks_stop_output(output->all, channel);
    if (both)
        ranks_stop_output(output->all, 3 - channel);
    ranks_pause(output->all, 0);
}

static void on_broken_1(void *arg)
{
    on_broken(arg, 1);
}

static void on_broken_2(void *arg)
{
    on_broken(arg, 2);
}

static int has_labels(const struct output *output)
{
    return output->label != LABEL_NONE || output->stamp;
}

/* The rank's label, with the present time. */
static const char *fresh_label(struct output *output, uint32_t rank)
{
    struct timespec now;
    struct tm parts;
    char text[sizeof STAMP];
    if (!output->stamp)
        return output->labels[rank];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, sizeof text - length, ".%03u ", (unsigned)(now.tv_nsec / 1000000));
    memcpy(output->labels[rank], text, strlen(text));
    return output->labels[rank];
}

static void emit(struct output *output, uint32_t rank, unsigned channel, const void *bytes,
                 size_t length, int with_label)
{
    struct sink *sink = output->sinks[channel - 1];
    if (with_label && has_labels(output)) {
        const char *label = fresh_label(output, rank);
        sink_write(sink, label, strlen(label));
    }
    sink_write(sink, bytes, length);
    if (sink_backlog(sink) > HIGH)
        ranks_pause(output->all, 1);
}

/* The unfinished line goes on as it is. */
static void tear(struct output *output, uint32_t rank, unsigned channel)
{
    struct line *line = &output->lines[channel - 1][rank];
    if (line->length == 0)
        return;
    emit(output, rank, channel, line->bytes, line->length, !line->torn);
    line->length = 0;
    line->torn = 1;
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct output *output = arg;
    int left = 0;
    for (unsigned channel = 1; channel <= 2; channel++)
        for (uint32_t rank = 0; rank < output->ranks; rank++) {
            struct line *line = &output->lines[channel - 1][rank];
            if (!sink_is_terminal(output->sinks[channel - 1]))
                continue;
            if (line->length > 0 && !line->fresh)
                tear(output, rank, channel);
            left |= line->length > 0;
            line->fresh = 0;
        }
    output->waiting = left;
    if (left)
        event_add(output->silence, &(struct timeval){.tv_usec = SILENT_US});
}

static void keep(struct output *output, uint32_t rank, unsigned channel, const uint8_t *bytes,
                 size_t length)
{
    struct line *line = &output->lines[channel - 1][rank];
    if (line->length + length > line->size) {
        line->size = line->length + length + 256;
        line->bytes = bp_realloc(line->bytes, line->size, 1);
    }
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
    line->fresh = 1;
    if (line->length > output->line_bytes)
        tear(output, rank, channel);
    if (!output->waiting && line->length > 0 && sink_is_terminal(output->sinks[channel - 1])) {
        output->waiting = 1;
        event_add(output->silence, &(struct timeval){.tv_usec = SILENT_US});
    }
}

/* All lines in one write: one each for label and line would cost 20 times what the copy does. */
static void emit_labelled(struct output *output, uint32_t rank, unsigned channel,
                          const uint8_t *bytes, size_t length)
{
    const uint8_t *end = bytes + length;
    const char *text = fresh_label(output, rank);
    size_t label = strlen(text), lines = 0;
    for (const uint8_t *p = bytes; p < end; p = (const uint8_t *)memchr(p, '\n', end - p) + 1)
        lines++;
    size_t size = length + lines * label;
    if (size > output->scratch_size) {
        output->scratch = bp_realloc(output->scratch, size, 1);
        output->scratch_size = size;
    }
    char *to = output->scratch;
    while (bytes < end) {
        size_t one = (size_t)((const uint8_t *)memchr(bytes, '\n', end - bytes) - bytes) + 1;
        memcpy(to, text, label);
        memcpy(to + label, bytes, one);
        to += label + one;
        bytes += one;
    }
    emit(output, rank, channel, output->scratch, size, 0);
}

/* bytes end with a newline. */
static void whole_lines(struct output *output, uint32_t rank, unsigned channel,
                        const uint8_t *bytes, size_t length)
{
    struct line *line = &output->lines[channel - 1][rank];
    tear(output, rank, channel);
    if (line->torn) { /* the rest of a line that has its label */
        size_t one = (size_t)((const uint8_t *)memchr(bytes, '\n', length) - bytes) + 1;
        emit(output, rank, channel, bytes, one, 0);
        line->torn = 0;
        bytes += one;
        length -= one;
    }
    if (length > 0 && has_labels(output))
        emit_labelled(output, rank, channel, bytes, length);
    else if (length > 0)
        emit(output, rank, channel, bytes, length, 0);
}

void output_bytes(struct output *output, uint32_t rank, unsigned channel, const uint8_t *bytes,
                  size_t length)
{
    const struct output_end *end = &output->ends[channel - 1];
    if (end->is_one && end->rank != rank)
        return;
    if (length == 0) {
        tear(output, rank, channel);
        return;
    }
    if ((output->plain_first && rank == 0) ||
        (output->ranks == 1 && !has_labels(output) && !output->whole)) {
        emit(output, rank, channel, bytes, length, 0);
        return;
    }
    const uint8_t *last = memrchr(bytes, '\n', length);
    size_t whole = last != NULL ? (size_t)(last - bytes) + 1 : 0;
    if (whole > 0)
        whole_lines(output, rank, channel, bytes, whole);
    if (whole < length)
        keep(output, rank, channel, bytes + whole, length - whole);
}

static char *label_of(const struct output *output, uint32_t rank)
{
    const char *stamp = output->stamp ? STAMP : "";
    if (output->label == LABEL_NODE)
        return bp_format("%s%s: ", stamp, ranks_node_name(output->all, rank));
    if (output->label == LABEL_NONE)
        return bp_strdup(stamp);
    int width = snprintf(NULL, 0, "%zu", output->ranks - 1);
    return bp_format("%s%*u: ", stamp, width, rank);
}

void output_line(struct output *output, const char *line)
{
    sink_write(output->sinks[0], line, strlen(line));
    sink_write(output->sinks[0], "\n", 1);
}

/* Where both go to one file, it is one sink: else what one of them still holds would be late. */
static void make_sinks(struct output *output, struct event_base *base)
{
    int out = output->ends[0].fd, err = output->ends[1].fd;
    output->sinks[0] = sink_new(base, out > 0 ? out : STDOUT_FILENO, on_drained, on_broken_1,
                                output);
    if (out > 0 && out == err)
        output->sinks[1] = output->sinks[0];
    else
        output->sinks[1] = sink_new(base, err > 0 ? err : STDERR_FILENO, on_drained, on_broken_2,
                                    output);
}

struct output *output_new(struct event_base *base, struct ranks *ranks,
                          const struct output_style *style)
{
    struct output *output = bp_calloc(1, sizeof *output);
    output->all = ranks;
    output->label = style->label;
    output->stamp = style->stamp;
    output->whole = style->lines;
    output->plain_first = style->plain_first;
    output->line_bytes = style->line_bytes > 0 ? style->line_bytes : LINE_MAX_BYTES;
    output->ranks = ranks_count(ranks);
    memcpy(output->ends, style->ends, sizeof output->ends);
    make_sinks(output, base);
    output->silence = evtimer_new(base, on_silence, output);
    output->labels = bp_calloc(output->ranks, sizeof *output->labels);
    for (int i = 0; i < 2; i++)
        output->lines[i] = bp_calloc(output->ranks, sizeof *output->lines[i]);
    for (uint32_t rank = 0; rank < output->ranks; rank++)
        output->labels[rank] = label_of(output, rank);
    return output;
}

void output_flush(struct output *output)
{
    sink_flush(output->sinks[0]);
    sink_flush(output->sinks[1]);
}

void output_finish(struct output *output)
{
    for (unsigned channel = 1; channel <= 2; channel++)
        for (uint32_t rank = 0; rank < output->ranks; rank++)
            tear(output, rank, channel);
    output_flush(output);
}

void output_free(struct output *output)
{
    if (output == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        for (uint32_t rank = 0; rank < output->ranks; rank++)
            free(output->lines[i][rank].bytes);
        free(output->lines[i]);
    }
    if (output->sinks[1] != output->sinks[0])
        sink_free(output->sinks[1]);
    sink_free(output->sinks[0]);
    for (uint32_t rank = 0; rank < output->ranks; rank++)
        free(output->labels[rank]);
    free(output->labels);
    free(output->scratch);
    event_free(output->silence);
    free(output);
}
