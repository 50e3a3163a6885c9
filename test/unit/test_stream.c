/* SPDX-License-Identifier: BSD-3-Clause */
/* test_stream.c - data connections on a socket pair: plain ones, and ends that do not agree. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "proto/key.h"
#include "proto/stream.h"
#include "proto/tls.h"
#include "tap.h"

struct end {
    struct bp_stream *stream;
    unsigned pieces;
    size_t bytes;
    uint32_t sum;
    unsigned pause_at; /* pieces */
    int drained, closed;
    struct bp_error why;
};

static struct event_base *base;

static int on_data(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                   struct bp_error *err)
{
    struct end *end = arg;
    end->pieces++;
    end->bytes += head->length;
    for (uint32_t i = 0; i < head->length; i++)
        end->sum += body[i] * (head->rank + 1);
    if (end->pieces == end->pause_at)
        bp_stream_pause(end->stream, 1);
    return head->kind == BP_STREAM_END ? bp_error_set(err, -ENODATA, "the end") : 0;
}

static void on_drained(void *arg)
{
    ((struct end *)arg)->drained = 1;
}

static void on_closed(void *arg, const struct bp_error *why)
{
    struct end *end = arg;
    end->closed = 1;
    end->why = *why;
    bp_stream_free(end->stream);
    end->stream = NULL;
}

static void open_end(struct end *end, int fd, SSL_CTX *ctx, int opened_here)
{
    static const struct bp_stream_events events = {
        .data = on_data, .drained = on_drained, .closed = on_closed};
    *end = (struct end){.pieces = 0};
    end->stream = bp_stream_new(base, fd, ctx, opened_here, &events, end);
}

static int make_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
}

static void run_until(const int *flag)
{
    for (int i = 0; i < 10000 && !*flag; i++)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT(*flag);
}

static void send_pieces(struct end *end, unsigned count, uint32_t length, uint32_t *ret_sum)
{
    static uint8_t body[BP_STREAM_DATA_MAX];
    uint32_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t k = 0; k < length; k++) {
            body[k] = (uint8_t)(i * 7 + k);
            sum += body[k] * (i + 1);
        }
        bp_stream_send(end->stream, &(struct bp_stream_head){.kind = BP_STREAM_DATA, .channel = 1,
                                                             .rank = i, .length = length}, body);
    }
    *ret_sum = sum;
}

/* Pieces of all sizes, much more than the socket holds, a pause between them, then the end. */
static void plainly(void)
{
    struct end from, to;
    uint32_t sums[3];
    int pair[2];
    CU_ASSERT_EQUAL(make_pair(pair), 0);
    open_end(&from, pair[0], NULL, 1);
    open_end(&to, pair[1], NULL, 0);
    to.pause_at = 30;
    send_pieces(&from, 50, BP_STREAM_DATA_MAX, &sums[0]);
    send_pieces(&from, 50, 1, &sums[1]);
    send_pieces(&from, 50, 4097, &sums[2]);
    CU_ASSERT(bp_stream_backlog(from.stream) > BP_STREAM_HIGH);
    bp_stream_send(from.stream, &(struct bp_stream_head){.kind = BP_STREAM_END}, NULL);
    while (to.pieces < to.pause_at)
        event_base_loop(base, EVLOOP_ONCE);
    for (int i = 0; i < 100; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(to.pieces, to.pause_at); /* no more while it is paused */
    bp_stream_pause(to.stream, 0);
    run_until(&to.closed);
    CU_ASSERT_EQUAL(to.why.code, -ENODATA);
    CU_ASSERT_EQUAL(to.pieces, 151);
    CU_ASSERT_EQUAL(to.bytes, 50u * (BP_STREAM_DATA_MAX + 1 + 4097));
    CU_ASSERT_EQUAL(to.sum, sums[0] + sums[1] + sums[2]);
    run_until(&from.closed);
    CU_ASSERT(from.drained && (from.why.code == 0 || from.why.code == -ECONNRESET));
}

/* What came before the end of the connection is delivered, also after a pause. */
static void end_after_pause(void)
{
    struct end from, to;
    uint32_t sum;
    int pair[2];
    CU_ASSERT_EQUAL(make_pair(pair), 0);
    open_end(&from, pair[0], NULL, 1);
    open_end(&to, pair[1], NULL, 0);
    to.pause_at = 1;
    send_pieces(&from, 3, 100, &sum);
    while (to.pieces < 1 || bp_stream_backlog(from.stream) > 0)
        event_base_loop(base, EVLOOP_ONCE);
    bp_stream_free(from.stream);
    for (int i = 0; i < 100; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    CU_ASSERT(to.pieces == 1 && !to.closed);
    bp_stream_pause(to.stream, 0);
    run_until(&to.closed);
    CU_ASSERT(to.pieces == 3 && to.sum == sum && to.why.code == 0);
}

static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    (void)identity;
    *ret_key = *(struct bp_key *)arg;
    return 0;
}

/* Either end may be the one that speaks TLS: both learn that it cannot be, nothing is delivered. */
static void ends_that_differ(void)
{
    struct bp_key key = {{1, 2, 3}};
    SSL_CTX *server = bp_tls_server_new(find_key, &key, NULL);
    struct bp_tls_client *client = bp_tls_client_new("job", &key, NULL);
    for (int dialled = 0; dialled < 2; dialled++) {
        struct end plain, tls;
        uint32_t sum;
        int pair[2];
        CU_ASSERT_EQUAL(make_pair(pair), 0);
        open_end(&plain, pair[0], NULL, !dialled);
        open_end(&tls, pair[1], dialled ? bp_tls_client_context(client) : server, dialled);
        send_pieces(&tls, 1, 100, &sum);
        run_until(&tls.closed);
        run_until(&plain.closed);
        CU_ASSERT_EQUAL(tls.pieces + plain.pieces, 0);
        CU_ASSERT_EQUAL(tls.why.code, -ECONNRESET);
        if (dialled) { /* a server of TLS says nothing before it has understood */
            CU_ASSERT_EQUAL(plain.why.code, -EPROTO);
            CU_ASSERT_PTR_NOT_NULL(strstr(plain.why.text, "does not speak plainly"));
        }
    }
    bp_tls_client_free(client);
    SSL_CTX_free(server);
}

/* Bytes of a stranger: refused at the first wrong head. */
static void wrong_openings(void)
{
    static const struct {
        struct bp_stream_head heads[2];
        unsigned count;
    } rows[] = {
        {{{.kind = BP_STREAM_DATA, .channel = 1}}, 1},
        {{{.kind = BP_STREAM_PLAIN}, {.kind = BP_STREAM_PLAIN}}, 2},
        {{{.kind = BP_STREAM_PLAIN, .length = 1}}, 1},
        {{{.kind = BP_STREAM_PLAIN}, {.kind = 99}}, 2},
        {{{.kind = BP_STREAM_PLAIN}, {.kind = BP_STREAM_DATA, .length = UINT32_MAX}}, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct end end;
        int pair[2];
        CU_ASSERT_EQUAL(make_pair(pair), 0);
        open_end(&end, pair[0], NULL, 1);
        for (unsigned k = 0; k < rows[i].count; k++) {
            uint8_t bytes[BP_STREAM_HEAD_BYTES];
            bp_stream_encode(&rows[i].heads[k], bytes);
            CU_ASSERT_EQUAL(write(pair[1], bytes, sizeof bytes), (ssize_t)sizeof bytes);
        }
        run_until(&end.closed);
        CU_ASSERT(end.pieces == 0 && end.why.code == -EPROTO);
        close(pair[1]);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"pieces of all sizes, a pause, the end", plainly},
        {"what came before the end, after a pause", end_after_pause},
        {"one end speaks TLS, the other plainly", ends_that_differ},
        {"strangers' bytes", wrong_openings},
        {NULL, NULL},
    };
    base = event_base_new();
    int r = bp_tap_run("stream", tests);
    event_base_free(base);
    return r;
}
