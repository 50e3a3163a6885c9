/* SPDX-License-Identifier: BSD-3-Clause */
/* space_end.c - how a space ends, and what hostile jobs cannot do to it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "space_tests.h"

/* ---- the space's end ---- */

/* A rank whose detached children hold *ret_fd open: its end of file means that all are dead. */
static void begin_daemons(int *ret_fd)
{
    uint64_t serial = begin(0, RANK("daemons"), ret_fd);
    expect_line(*ret_fd, "ready");
    CHECK(wait_exit(serial) == 0);
    struct pollfd wait = {.fd = *ret_fd, .events = POLLIN};
    CHECK(poll(&wait, 1, 0) == 0);
}

static void expect_dead(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    CHECK(poll(&wait, 1, 0) == 1 && read(fd, &byte, 1) == 0); /* at once */
    close(fd);
}

void test_close(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    CHECK(peer_close(&peer) == 0);
    expect_dead(fd);
}

void test_killed(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    kill(peer.pid, SIGKILL);
    CHECK(peer_wait(&peer) == SIGKILL);
    expect_dead(fd);
}

void test_lease(void)
{
    int fd;
    peer_init(&peer, UID);
    peer.setup.lease_ms = 100000;
    CHECK(peer_open(&peer, NULL) == 0);
    begin_daemons(&fd);
    struct bp_space_record record = {0};
    peer_send(&peer, BP_SPACE_LEASE, 0, 200000);
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, &record) && record.value == 200000);
    CHECK(run(SHELL("true")) == 0);
    peer_send(&peer, BP_SPACE_LEASE, 0, 50);
    CHECK(peer_wait(&peer) == 3 << 8);
    expect_dead(fd);
    /* bpnode hangs: it does not read, and ranks keep bpspace talking */
    peer_init(&peer, UID);
    peer.setup.lease_ms = 1000;
    CHECK(peer_open(&peer, NULL) == 0);
    struct creation creation = {.serial = serials++, .argv = RANK("none")};
    for (int i = 0; i < 2000; i++, creation.serial = serials++) {
        struct bp_space_record create = {.type = BP_SPACE_CREATE, .serial = creation.serial};
        if (bp_space_send(peer.socket, &create, NULL, NULL, 0) < 0)
            break;
    }
    int status = -1;
    CHECK(waitpid(peer.pid, &status, 0) == peer.pid && status == 3 << 8);
    close(peer.socket);
}

void test_end_of_file(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    close(peer.socket);
    peer.socket = -1;
    CHECK(peer_wait(&peer) == 0);
    expect_dead(fd);
}

void test_bomb(void)
{
    int fd;
    /* a user of its own: the limit counts all the user's processes, in other runs as well */
    peer_init(&peer, 100000u + (uid_t)getpid());
    peer.setup.no_limits = 0;
    for (int i = 0; i < BP_SPACE_LIMITS; i++)
        peer.setup.limits[i].soft = peer.setup.limits[i].hard = UINT64_MAX;
    peer.setup.limits[RLIMIT_NPROC].soft = peer.setup.limits[RLIMIT_NPROC].hard = 300;
    peer.setup.limits[RLIMIT_STACK].soft = 8 << 20;
    CHECK(peer_open(&peer, NULL) == 0);
    uint64_t serial = begin(0, RANK("bomb"), &fd);
    expect_line(fd, "ready");
    peer_send(&peer, BP_SPACE_LEASE, 0, 60000); /* bpspace still listens */
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, NULL));
    peer_signal(&peer, serial, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    CHECK(peer_close(&peer) == 0);
    peer_read(fd, output, sizeof output, 0);
    expect_dead(fd);
}

/* ---- hostile jobs ---- */

void test_kill_all(void)
{
    int fd;
    peer_init(&peer, UID);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 650;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    uint64_t other = begin(0, ARGV("sleep", "1000"), &fd);
    CHECK(run(SHELL("kill -9 -1")) == 0 || 1);
    CHECK(wait_exit(other) == SIGKILL);
    close(fd);
    CHECK(run(SHELL("kill -STOP 1 700 650 600 2>/dev/null; kill -9 700 2>/dev/null; true")) == 0);
    CHECK(run_as(701, RANK("ids"), NULL) == 0 && strcmp(output, "701 700 650 600\n") == 0);
    close_plain();
}

void test_root_job(void)
{
    int fd;
    peer_init(&peer, 0);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 650;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    /* stopping the whole group stops neither creation nor reports */
    struct bp_space_record record;
    uint64_t stopper = begin(0, SHELL("kill -STOP 0"), &fd);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, stopper, &record));
    CHECK(run_as(701, RANK("ids"), NULL) == 0 && strcmp(output, "701 700 650 600\n") == 0);
    peer_signal(&peer, stopper, SIGCONT);
    CHECK(wait_exit(stopper) == 0);
    close(fd);
    /* the launcher's stub dies: ranks live on and are reported, nobody new can be made */
    uint64_t rank =
        begin(0, SHELL("read x < /proc/1/stat; kill -9 700; kill -STOP $$; exit 9"), &fd);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, rank, NULL));
    CHECK(run_as(0, SHELL("true"), &record) == -1);
    CHECK(record.status == ESRCH && record.flags == BP_STEP_CLONE);
    peer_signal(&peer, rank, SIGCONT);
    CHECK(wait_exit(rank) == 9 << 8);
    close(fd);
    close_plain();
    open_plain(0);
    CHECK(run(SHELL("kill -9 -1; kill -9 1; kill -STOP 1")) >= 0 || 1);
    peer_send(&peer, BP_SPACE_LEASE, 0, 60000);
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, NULL));
    close_plain();
}

/* The launcher's stub is killed while ranks come and go: every serial gets one answer. */
void test_maker_dies(void)
{
    for (int round = 0; round < 30; round++) {
        peer_init(&peer, 0);
        peer.setup.launcher_pid = 700;
        CHECK(peer_open(&peer, NULL) == 0);
        uint64_t first = serials;
        for (int i = 0; i < 30; i++) {
            struct creation creation = {
                .serial = serials++,
                .argv = i == round ? SHELL("kill -9 700") : ARGV("/bin/true"),
            };
            peer_create(&peer, &creation);
        }
        for (uint64_t serial = first; serial < serials; serial++) {
            struct bp_space_record record = {0};
            CHECK(peer_expect(&peer, 0, serial, &record));
            if (record.type == BP_SPACE_CREATED)
                CHECK(peer_expect(&peer, 0, serial, &record) && record.type == BP_SPACE_EXIT);
            else
                CHECK(record.type == BP_SPACE_FAILED && record.status == ESRCH);
        }
        CHECK(!peer_has(&peer, 0, 0));
        close_plain();
    }
}
