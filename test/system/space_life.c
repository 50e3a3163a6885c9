/* SPDX-License-Identifier: BSD-3-Clause */
/* space_life.c - processes in a space from their birth to their exit: signals, stops, statuses,
 * many at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/relay.h"
#include "space_tests.h"

/* ---- ends ---- */

void test_statuses(void)
{
    open_plain(UID);
    char command[32];
    for (int code = 0; code < 256; code++) {
        struct creation creation = {.serial = serials++, .argv = SHELL(command)};
        snprintf(command, sizeof command, "exit %d", code);
        peer_create(&peer, &creation);
    }
    uint64_t first = serials - 256;
    for (int code = 0; code < 256; code++)
        CHECK(wait_exit(first + (uint64_t)code) == code << 8);
    for (int signo = 1; signo < 65; signo++) {
        int stops = signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
        if (stops || signo == SIGCHLD || signo == SIGCONT || signo == SIGURG || signo == SIGWINCH ||
            signo == 32 || signo == 33)
            continue;
        snprintf(command, sizeof command, "ulimit -c 0; kill -%d $$", signo);
        int status = run(SHELL(command));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signo);
    }
    close_plain();
}

void test_accounting(void)
{
    struct bp_space_record record;
    open_plain(UID);
    CHECK(run_as(0, SHELL("(i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done)"), &record) == 0);
    CHECK(record.cpu_us > 1000 && record.cpu_us < 60000000);
    CHECK(record.maxrss_kib > 300 && record.maxrss_kib < 1000000);
    close_plain();
}

/* ---- signals ---- */

void test_signals(void)
{
    int fd;
    open_plain(UID);
    uint64_t serial = begin(0, RANK("signals"), &fd);
    expect_line(fd, "ready");
    struct bp_space_record record = {
        .type = BP_SPACE_SIGNAL,
        .serial = serial,
        .signo = SIGRTMIN + 3,
        .code = SI_QUEUE,
        .sender_pid = 4242,
        .uid = 17,
        .value = 0x123456789abcdefULL,
    };
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    char expected[128];
    snprintf(expected, sizeof expected, "%d -1 4242 17 123456789abcdef", SIGRTMIN + 3);
    expect_line(fd, expected);
    record.value = 2; /* real-time signals queue: each one comes */
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    snprintf(expected, sizeof expected, "%d -1 4242 17 2", SIGRTMIN + 3);
    expect_line(fd, expected);
    record.signo = SIGUSR1;
    record.code = SI_USER;
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    snprintf(expected, sizeof expected, "%d 0 1 0 0", SIGUSR1);
    expect_line(fd, expected);
    record.signo = 65; /* there is none: nothing happens */
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    peer_signal(&peer, 0, SIGTERM);
    snprintf(expected, sizeof expected, "%d 0 1 0 0", SIGTERM);
    expect_line(fd, expected);
    CHECK(wait_exit(serial) == 0);
    close(fd);
    peer_signal(&peer, serial, SIGKILL); /* late: dropped */
    peer_signal(&peer, 999999, SIGKILL);
    CHECK(run(SHELL("true")) == 0);
    close_plain();
}

/* What runs elsewhere by now: those to all reach it there. */
void test_signals_leaving(void)
{
    int fd;
    char expected[128];
    open_plain(UID);
    uint64_t serial = begin(0, RANK("signals"), &fd);
    expect_line(fd, "ready");
    struct bp_space_record leave = {.type = BP_SPACE_SIGNAL, .serial = serial,
                                    .signo = BP_LEAVE_SIGNAL, .code = SI_QUEUE,
                                    .value = BP_LEAVE_VALUE};
    CHECK(bp_space_send(peer.socket, &leave, NULL, NULL, 0) == 0);
    peer_signal(&peer, 0, SIGUSR1); /* it would come first */
    peer_signal(&peer, serial, SIGTERM);
    snprintf(expected, sizeof expected, "%d 0 1 0 0", SIGTERM);
    expect_line(fd, expected);
    peer_signal(&peer, 0, SIGUSR1);
    peer_signal(&peer, serial, SIGTERM);
    expect_line(fd, expected);
    peer_signal(&peer, 0, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    close(fd);
    close_plain();
}

void test_stop(void)
{
    int fd;
    struct bp_space_record record;
    open_plain(UID);
    uint64_t serial = begin(0, ARGV("sleep", "1000"), &fd);
    for (int i = 0; i < 20; i++) {
        peer_signal(&peer, serial, SIGSTOP);
        CHECK(peer_expect(&peer, 0, serial, &record));
        CHECK(record.type == BP_SPACE_STOPPED && record.signo == SIGSTOP);
        peer_signal(&peer, serial, SIGCONT);
        CHECK(peer_expect(&peer, 0, serial, &record) && record.type == BP_SPACE_CONTINUED);
    }
    peer_signal(&peer, serial, SIGSTOP);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, serial, NULL));
    peer_signal(&peer, serial, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    close(fd);
    uint64_t own = begin(0, SHELL("kill -STOP $$; exit 3"), &fd); /* at once after its exec */
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, own, NULL));
    peer_signal(&peer, own, SIGCONT);
    CHECK(wait_exit(own) == 3 << 8);
    close(fd);
    close_plain();
}

/* Signals sent together with the CREATE come after the exec, or end it before. */
void test_signal_starting(void)
{
    struct bp_space_record record;
    open_plain(UID);
    for (int i = 0; i < 50; i++) {
        struct creation creation = {.serial = serials++, .argv = ARGV("sleep", "1000")};
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGSTOP);
        CHECK(peer_expect(&peer, 0, creation.serial, &record) && record.type == BP_SPACE_CREATED);
        CHECK(peer_expect(&peer, 0, creation.serial, &record) && record.type == BP_SPACE_STOPPED);
        peer_signal(&peer, creation.serial, SIGKILL);
        CHECK(wait_exit(creation.serial) == SIGKILL);
        creation.serial = serials++;
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGSTOP); /* which the next one takes back */
        peer_signal(&peer, creation.serial, SIGCONT);
        peer_signal(&peer, creation.serial, SIGUSR1);
        CHECK(wait_exit(creation.serial) == SIGUSR1);
        creation.serial = serials++;
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGKILL);
        CHECK(wait_exit(creation.serial) == SIGKILL);
    }
    while (peer_has(&peer, BP_SPACE_CREATED, 0))
        peer_expect(&peer, BP_SPACE_CREATED, 0, NULL);
    close_plain();
}

/* ---- many ---- */

void test_rows(void)
{
    open_plain(UID);
    uint64_t start = bp_clock_us();
    for (int i = 0; i < 500; i++)
        CHECK(run_as(3000 + i % 7, ARGV("/bin/true"), NULL) == 0); /* a PID is free at its EXIT */
    printf("# 500 creates and exits in a row: %llu us each\n",
           (unsigned long long)(bp_clock_us() - start) / 500);
    CHECK(run(SHELL("ls -d /proc/[0-9]* | wc -l")) == 0);
    CHECK(atoi(output) <= 5); /* PID 1, the maker, sh, ls, wc */
    close_plain();
}

void test_concurrent(void)
{
    peer_init(&peer, UID);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 700;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    for (int count = 64; count <= 1024; count *= 16) {
        uint64_t first = serials, start = bp_clock_us();
        for (int i = 0; i < count; i++) {
            struct creation creation = {
                .serial = serials++, .pid = 10000 + i, .argv = ARGV("/bin/sleep", "1000")};
            peer_create(&peer, &creation);
        }
        for (int i = 0; i < count; i++)
            CHECK(peer_expect(&peer, BP_SPACE_CREATED, first + (uint64_t)i, NULL));
        uint64_t created = bp_clock_us();
        peer_signal(&peer, 0, SIGKILL);
        for (int i = 0; i < count; i++)
            CHECK(wait_exit(first + (uint64_t)i) == SIGKILL);
        printf("# %d at once: %llu us each to the exec; all killed and reaped in %llu us\n", count,
               (unsigned long long)(created - start) / (unsigned)count,
               (unsigned long long)(bp_clock_us() - created));
    }
    close_plain();
}
