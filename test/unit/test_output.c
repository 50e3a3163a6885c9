/* SPDX-License-Identifier: BSD-3-Clause */
/* test_output.c - the ranks' lines on the launcher's stdout: whole, labelled, not mixed. */
#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "common/mem.h"
#include "tap.h"
#include "tools/output.h"
#include "tools/sink.h"

#define KEPT 300000

struct sink { /* what was written there */
    char bytes[KEPT + 1];
    size_t length, backlog;
    int terminal;
    void (*drained)(void *arg);
    void *arg;
};

static struct sink sinks[2];
static int paused;

struct sink *sink_new(struct event_base *base, int fd, void (*drained)(void *arg),
                      void (*broken)(void *arg), void *arg)
{
    (void)base, (void)broken;
    struct sink *sink = &sinks[fd - 1];
    sink->length = sink->backlog = 0;
    sink->drained = drained;
    sink->arg = arg;
    return sink;
}

void sink_write(struct sink *sink, const void *bytes, size_t length)
{
    if (length > KEPT - sink->length)
        length = KEPT - sink->length;
    memcpy(sink->bytes + sink->length, bytes, length);
    sink->length += length;
    sink->bytes[sink->length] = '\0';
}

size_t sink_backlog(const struct sink *sink)
{
    return sink->backlog;
}

int sink_error(const struct sink *sink)
{
    return sink->backlog > 0 ? EPIPE : 0;
}

int sink_is_terminal(const struct sink *sink)
{
    return sink->terminal;
}

void sink_flush(struct sink *sink)
{
    sink->backlog = 0;
}

void sink_free(struct sink *sink)
{
    sink->length = 0;
}

static uint32_t rank_count;

uint32_t ranks_count(const struct ranks *ranks)
{
    (void)ranks;
    return rank_count;
}

const char *ranks_node_name(const struct ranks *ranks, uint32_t rank)
{
    (void)ranks;
    return rank == 0 ? "n0" : "n1";
}

void ranks_pause(const struct ranks *ranks, int pause)
{
    (void)ranks;
    paused = pause;
}

void ranks_stop_output(const struct ranks *ranks, unsigned channel)
{
    (void)ranks, (void)channel;
}

static struct event_base *base;

static struct output *open_output(enum label label, size_t ranks, int terminal)
{
    sinks[0].terminal = sinks[1].terminal = terminal;
    rank_count = (uint32_t)ranks;
    paused = 0;
    base = event_base_new();
    return output_new(base, NULL, &(struct output_style){.label = label});
}

static void close_output(struct output *output)
{
    output_free(output);
    event_base_free(base);
}

static void put(struct output *output, uint32_t rank, unsigned channel, const char *text)
{
    output_bytes(output, rank, channel, (const uint8_t *)text, strlen(text));
}

static void labels(void)
{
    struct output *output = open_output(LABEL_RANK, 2, 0);
    put(output, 0, 1, "a\nb");
    put(output, 1, 1, "x\n\ny\n");
    put(output, 0, 1, "c\n");
    put(output, 0, 2, "error\n");
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "0: a\n1: x\n1: \n1: y\n0: bc\n");
    CU_ASSERT_STRING_EQUAL(sinks[1].bytes, "0: error\n");
    close_output(output);
    output = open_output(LABEL_NODE, 2, 0);
    put(output, 1, 1, "x\n");
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "n1: x\n");
    close_output(output);
}

/* "2000-01-01T00:00:00.000 " is in front of each line. */
static void stamps(void)
{
    const size_t length = strlen("2000-01-01T00:00:00.000 ");
    struct output_style style = {.label = LABEL_RANK, .stamp = 1};
    for (int labels = 0; labels < 2; labels++) {
        struct output *output = open_output(LABEL_NONE, 1, 0);
        output_free(output);
        style.label = labels ? LABEL_RANK : LABEL_NONE;
        output = output_new(base, NULL, &style);
        put(output, 0, 1, "a");
        put(output, 0, 1, "\nb\n");
        const char *text = sinks[0].bytes, *second = strchr(text, '\n') + 1;
        CU_ASSERT_STRING_EQUAL(text + length + (size_t)(second - text), labels ? "0: b\n" : "b\n");
        CU_ASSERT(strncmp(text + length, labels ? "0: a\n" : "a\n", labels ? 5 : 2) == 0);
        CU_ASSERT(text[4] == '-' && text[10] == 'T' && text[19] == '.' && text[length - 1] == ' ');
        CU_ASSERT(strncmp(text, second, 19) <= 0);
        close_output(output);
    }
}

static void unfinished(void)
{
    struct output *output = open_output(LABEL_RANK, 2, 0);
    put(output, 0, 1, "no");
    put(output, 1, 1, "end");
    put(output, 0, 1, ""); /* that pipe is at its end */
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "0: no");
    output_finish(output);
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "0: no1: end");
    close_output(output);
}

static void no_label(void)
{
    struct output *output = open_output(LABEL_NONE, 2, 0);
    put(output, 0, 1, "on");
    put(output, 1, 1, "two\n");
    put(output, 0, 1, "e\nrest");
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "two\none\n");
    close_output(output);
    output = open_output(LABEL_NONE, 1, 0); /* one rank: as it comes */
    put(output, 0, 1, "as it ");
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "as it ");
    close_output(output);
}

/* 64 KiB are kept together; what is longer goes on, with one label in all. */
static void long_lines(void)
{
    struct output *output = open_output(LABEL_RANK, 2, 0);
    auto_free char *text = bp_calloc(1, LINE_MAX_BYTES + 1);
    memset(text, 'x', LINE_MAX_BYTES);
    put(output, 0, 1, text);
    CU_ASSERT_EQUAL(sinks[0].length, 0);
    put(output, 0, 1, "\n");
    CU_ASSERT_EQUAL(sinks[0].length, LINE_MAX_BYTES + strlen("0: \n"));
    sinks[0].length = 0;
    for (int i = 0; i < 3; i++)
        put(output, 1, 1, text);
    put(output, 1, 1, "\nnext\n");
    CU_ASSERT_EQUAL(sinks[0].length, 3 * LINE_MAX_BYTES + strlen("1: \n1: next\n"));
    CU_ASSERT(strcmp(sinks[0].bytes + sinks[0].length - strlen("x\n1: next\n"), "x\n1: next\n") ==
              0);
    close_output(output);
}

/* A prompt: on a terminal the unfinished line of a silent rank goes on. */
static void prompt(void)
{
    struct output *output = open_output(LABEL_RANK, 2, 1);
    put(output, 0, 1, "name? ");
    CU_ASSERT_EQUAL(sinks[0].length, 0);
    event_base_dispatch(base); /* until its timer has nothing to wait for */
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "0: name? ");
    put(output, 0, 1, "you\n");
    CU_ASSERT_STRING_EQUAL(sinks[0].bytes, "0: name? you\n");
    close_output(output);
}

static void slow_reader(void)
{
    struct output *output = open_output(LABEL_NONE, 1, 0);
    sinks[0].backlog = (1 << 20) + 1;
    put(output, 0, 1, "more");
    CU_ASSERT_EQUAL(paused, 1);
    sinks[0].drained(sinks[0].arg);
    CU_ASSERT_EQUAL(paused, 1);
    sinks[0].backlog = 0;
    sinks[0].drained(sinks[0].arg);
    CU_ASSERT_EQUAL(paused, 0);
    close_output(output);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"lines with labels", labels},
        {"lines with times", stamps},
        {"lines without an end", unfinished},
        {"lines without labels", no_label},
        {"long lines", long_lines},
        {"a prompt on a terminal", prompt},
        {"a slow reader", slow_reader},
        {NULL, NULL},
    };
    return bp_tap_run("output", tests);
}
