/* SPDX-License-Identifier: BSD-3-Clause */
/* space_input.c - who waits for stdin; and records that lie. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "space_tests.h"

/* ---- stdin ---- */

static void check_wanted(const char *mode, int wanted)
{
    int pair[2];
    struct stat st;
    if (pipe2(pair, O_CLOEXEC) < 0 || fstat(pair[0], &st) < 0)
        return;
    open_plain(UID);
    struct creation creation = {
        .serial = serials++, .argv = RANK(mode), .stdin_fd = pair[0], .envp = ARGV("PYTHONHOME=")};
    peer_create(&peer, &creation);
    close(pair[0]);
    CHECK(peer_expect(&peer, BP_SPACE_CREATED, creation.serial, NULL));
    peer_send(&peer, BP_SPACE_WATCH_STDIN, creation.serial, st.st_ino);
    uint64_t start = bp_clock_us();
    if (wanted) {
        CHECK(peer_expect(&peer, BP_SPACE_STDIN_WANTED, creation.serial, NULL));
        printf("# %s: seen after %llu us\n", mode, (unsigned long long)(bp_clock_us() - start));
        CHECK(write(pair[1], "x", 1) == 1);
        peer_signal(&peer, creation.serial, SIGTERM);
    } else {
        struct pollfd wait = {.fd = peer.socket, .events = POLLIN};
        CHECK(poll(&wait, 1, 300) == 0);
        peer_signal(&peer, creation.serial, SIGTERM);
    }
    CHECK(wait_exit(creation.serial) >= 0);
    CHECK(!peer_has(&peer, BP_SPACE_STDIN_WANTED, 0)); /* said once */
    close(pair[1]);
    close_plain();
}

void test_stdin(void)
{
    static const char *const ways[] = {"stdin-read",  "stdin-poll",   "stdin-select",
                                       "stdin-epoll", "stdin-thread", "stdin-grandchild"};
    for (size_t i = 0; i < 6; i++)
        check_wanted(ways[i], 1);
    check_wanted("stdin-pause", 0);
    check_wanted("stdin-other-poll", 0);
}

/* ---- malformed ---- */

static void send_raw(const struct bp_space_record *record, const void *payload, size_t size)
{
    char packet[sizeof *record + 4096];
    memcpy(packet, record, sizeof *record);
    if (size > 0)
        memcpy(packet + sizeof *record, payload, size);
    CHECK(write(peer.socket, packet, sizeof *record + size) > 0);
}

static void expect_trouble(void)
{
    CHECK(peer_wait(&peer) == 1 << 8);
}

void test_malformed(void)
{
    struct bp_space_record record = {.type = BP_SPACE_SIGNAL, .length = 10};
    open_plain(UID);
    send_raw(&record, "abc", 3); /* says 10, has 3 */
    expect_trouble();
    open_plain(UID);
    CHECK(write(peer.socket, "short", 5) == 5);
    expect_trouble();
    open_plain(UID);
    record = (struct bp_space_record){.type = 4711};
    send_raw(&record, NULL, 0);
    expect_trouble();
    open_plain(UID);
    record.type = BP_SPACE_SETUP; /* a second one */
    send_raw(&record, NULL, 0);
    expect_trouble();
}

static void expect_refused(const struct bp_space_create *create, const char *strings, uint32_t size)
{
    unsigned char payload[256];
    struct bp_space_record record = {
        .type = BP_SPACE_CREATE,
        .serial = serials++,
        .length = (uint32_t)sizeof *create + size,
    };
    memcpy(payload, create, sizeof *create);
    memcpy(payload + sizeof *create, strings, size);
    int fds[] = {0, 1, 2};
    CHECK(bp_space_send(peer.socket, &record, payload, fds, 3) == 0);
    struct bp_space_record answer = {0};
    CHECK(peer_expect(&peer, 0, record.serial, &answer));
    CHECK(answer.type == BP_SPACE_FAILED && answer.status == EPROTO);
}

void test_malformed_create(void)
{
    static const struct {
        struct bp_space_create create;
        const char *strings;
        uint32_t size;
    } wrong[] = {
        {{.argc = 1, .string_bytes = 5}, "true", 4},            /* more said than there */
        {{.argc = 1, .string_bytes = 4}, "true", 4},            /* does not end */
        {{.argc = 2, .string_bytes = 5}, "true", 5},            /* one string, not two */
        {{.argc = 0, .envc = 0, .string_bytes = 5}, "true", 5}, /* a string too many */
        {{.argc = 1, .cpu_bytes = 8, .string_bytes = 5}, "true", 5},
        {{.argc = 1, .cpu_bytes = UINT32_MAX, .string_bytes = 6}, "true", 5},
        {{.argc = UINT32_MAX, .envc = 2, .string_bytes = 5}, "true", 5}, /* sum overflows to 1 */
        {{.argc = 1, .extra_fds = 1, .string_bytes = 5}, "true", 5},
        {{.argc = 1, .extra_fds = UINT32_MAX, .string_bytes = 5}, "true", 5},
    };
    open_plain(UID);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(&wrong[i].create, wrong[i].strings, wrong[i].size);
    struct bp_space_record record = {.type = BP_SPACE_CREATE, .serial = serials++, .length = 3};
    CHECK(bp_space_send(peer.socket, &record, "abc", NULL, 0) == 0);
    CHECK(peer_expect(&peer, BP_SPACE_FAILED, record.serial, NULL));
    CHECK(run(SHELL("true")) == 0); /* no harm done */
    close_plain();
}

void test_malformed_setup(void)
{
    for (int kind = 0; kind < 5; kind++) {
        struct bp_space_record record = {0};
        peer_init(&peer, UID);
        if (kind == 0)
            peer.setup.version = 99;
        else if (kind == 1)
            memset(peer.setup.directory, 'x', sizeof peer.setup.directory);
        else if (kind == 2)
            peer.setup.lease_ms = 0;
        else if (kind == 3)
            peer.setup.uid = UINT32_MAX;
        else
            peer.setup.groups = 5; /* fits; then one too few */
        CHECK(peer_open(&peer, &record) == 0);
        CHECK(record.type == (kind == 4 ? BP_SPACE_READY : BP_SPACE_FAILED));
        if (kind < 4)
            expect_trouble();
        else
            close_plain();
    }
}
