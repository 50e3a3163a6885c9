/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost_driver.c - bpghost against a test that is its launcher and its bpmaster, in a PID namespace
 * of its own. Option: -u UID runs as that user, -n A|B runs the tests whose name has A or B. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ghost_herd.h"

#define LEASE_MS 20000
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("# line %d: %s\n", __LINE__, #condition);                                       \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static struct herd herd;
static uid_t test_uid;

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool proc_read(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, size - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return n >= 0;
}

static bool stat_ids(pid_t pid, int *ret_parent, int *ret_group, int *ret_session)
{
    char text[512];
    const char *after;

    if (!proc_read(pid, "stat", text, sizeof(text)) || !(after = strrchr(text, ')')))
        return false;
    return sscanf(after + 4, "%d %d %d", ret_parent, ret_group, ret_session) == 3;
}

/* The process of our group that is neither ours nor a ghost. */
static pid_t canary_find(void)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (directory && (entry = readdir(directory))) {
        int pid = atoi(entry->d_name), parent, group, session;
        char comm[32];

        if (pid > 1 && stat_ids(pid, &parent, &group, &session) && group == getpgrp() &&
            parent != getpid() && pid != getpid() && proc_read(pid, "comm", comm, sizeof(comm)) &&
            strcmp(comm, "bpghost\n") == 0)
            found = pid;
    }
    if (directory)
        closedir(directory);
    return found;
}

static bool next_is(uint32_t type, uint32_t slot, int signo, struct bp_ghost_record *record)
{
    int r = herd_next(&herd, record);

    if (r == 1 && record->type == type && record->slot == slot && record->signo == signo)
        return true;
    printf("# wanted type %u slot %u signo %d; r %d type %u slot %u signo %d\n", type, slot, signo,
           r, record->type, record->slot, record->signo);
    return false;
}

static void order(uint32_t type, uint32_t slot, int signo)
{
    struct bp_ghost_record record = {.type = type, .slot = slot, .signo = signo};

    if (type == BP_GHOST_STOPPED && slot < BP_GHOST_SLOTS)
        record.value = herd.continues[slot];
    herd_send(&herd, &record);
}

static bool quiet(void)
{
    struct bp_ghost_record seen[8];
    int count = herd_sync(&herd, seen, 8);

    for (int i = 0; i < count; i++)
        printf("# unwanted type %u slot %u signo %d code %d sender %d\n", seen[i].type,
               seen[i].slot, seen[i].signo, seen[i].code, seen[i].sender_pid);
    return count == 0;
}

static bool test_herd_looks_right(void)
{
    char text[256];
    int parent, group, session;

    CHECK(herd_make(&herd, 4, LEASE_MS));
    for (uint32_t slot = 0; slot < 4; slot++) {
        CHECK(stat_ids(herd.pids[slot], &parent, &group, &session));
        CHECK(parent == getpid() && group == getpgrp() && session == getsid(0));
        CHECK(proc_read(herd.pids[slot], "comm", text, sizeof(text)));
        CHECK(strcmp(text, "solver\n") == 0);
        CHECK(proc_read(herd.pids[slot], "cmdline", text, sizeof(text)));
        CHECK(memcmp(text, "the-job\0with\0words", 19) == 0);
    }
    CHECK(stat_ids(herd.herder, &parent, &group, &session));
    CHECK(parent == 1 && group == herd.herder && session == herd.herder);
    CHECK(proc_read(herd.herder, "comm", text, sizeof(text)) && strcmp(text, "bpghost\n") == 0);
    CHECK(canary_find() != 0);
    CHECK(pread(herd.pids_fd, text, 16, sizeof(struct bp_ghost_setup)) == 16);
    CHECK(memcmp(text, herd.pids, 16) == 0);
    order(BP_GHOST_NAME, 2, 0);
    CHECK(herd_sync(&herd, NULL, 0) == 0);
    return herd_finish(&herd);
}

static bool test_name(void)
{
    struct bp_ghost_record name = {.type = BP_GHOST_NAME, .slot = 1}, record;
    char text[64];

    memset(name.name, 'x', sizeof(name.name)); /* not NUL-terminated */
    CHECK(herd_make(&herd, 2, LEASE_MS));
    herd_send(&herd, &name);
    CHECK(quiet());
    kill(herd.pids[1],
         SIGUSR1); /* told after the order is obeyed or before: then a second one is */
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGUSR1, &record));
    kill(herd.pids[1], SIGUSR1);
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGUSR1, &record));
    CHECK(proc_read(herd.pids[1], "comm", text, sizeof(text)));
    CHECK(strcmp(text, "xxxxxxxxxxxxxxx\n") == 0);
    return herd_finish(&herd);
}

static bool test_every_signal(void)
{
    struct bp_ghost_record record;

    CHECK(herd_make(&herd, 3, LEASE_MS));
    for (int signo = 1; signo <= 64; signo++) {
        union sigval value = {.sival_ptr = (void *)(uintptr_t)(0x1234567800ul + (unsigned)signo)};

        if (signo == SIGKILL || signo == SIGSTOP || signo == 32 || signo == 33)
            continue;
        CHECK(sigqueue(herd.pids[1], signo, value) == 0);
        CHECK(next_is(BP_GHOST_SIGNAL, 1, signo, &record));
        CHECK(record.code == SI_QUEUE && record.sender_pid == getpid());
        CHECK(record.sender_uid == getuid() && record.value == (uintptr_t)value.sival_ptr);
        CHECK(kill(herd.pids[2], signo) == 0);
        CHECK(next_is(BP_GHOST_SIGNAL, 2, signo, &record));
        CHECK(record.code == SI_USER && record.sender_pid == getpid());
    }
    CHECK(quiet());
    return herd_finish(&herd);
}

static bool status_comes_out(int status)
{
    struct bp_ghost_record record;
    int seen = -1;

    CHECK(herd_make(&herd, 1, LEASE_MS));
    herd_exit(&herd, 0, status);
    CHECK(waitpid(herd.pids[0], &seen, 0) == herd.pids[0]);
    if (seen != (status & ~0x80)) {
        printf("# ordered 0x%x, came 0x%x\n", status, seen);
        return false;
    }
    CHECK(next_is(BP_GHOST_GONE, 0, 0, &record) && record.status == seen);
    CHECK(herd_next(&herd, &record) == 0);
    close(herd.link);
    close(herd.pids_fd);
    return pid_ended(herd.herder);
}

static bool test_every_status(void)
{
    static const int exits[] = {0, 1, 37, 255};

    for (int i = 0; i < 4; i++)
        CHECK(status_comes_out(exits[i] << 8));
    for (int signo = 1; signo <= 64; signo++) {
        if ((signo >= SIGCHLD && signo <= SIGTTOU) || signo == SIGURG || signo == SIGWINCH)
            continue;
        CHECK(status_comes_out(signo));
    }
    CHECK(status_comes_out(SIGSEGV | 0x80)); /* no core file: without the flag */
    return true;
}

static bool test_kill_is_held(void)
{
    struct bp_ghost_record record;
    int status = 0;

    CHECK(herd_make(&herd, 2, LEASE_MS));
    kill(herd.pids[0], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGKILL, &record));
    kill(herd.pids[0], SIGKILL);
    kill(herd.pids[0], SIGTERM);
    order(BP_GHOST_STOPPED, 0, SIGSTOP);
    order(BP_GHOST_CONTINUED, 0, 0);
    CHECK(quiet());
    CHECK(waitpid(herd.pids[0], &status, WNOHANG) == 0);
    herd_exit(&herd, 0, 3 << 8);
    CHECK(waitpid(herd.pids[0], &status, 0) == herd.pids[0] && status == SIGKILL);
    CHECK(next_is(BP_GHOST_GONE, 0, 0, &record) && record.status == SIGKILL);
    herd.pids[0] = 0;
    return herd_finish(&herd);
}

static bool stop_and_continue(int signo, bool by_user)
{
    struct bp_ghost_record record;
    int status = 0;

    kill(herd.pids[0], signo);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, signo, &record) && record.sender_pid == getpid());
    CHECK(waitpid(herd.pids[0], &status, WNOHANG | WUNTRACED) == 0); /* not yet */
    order(BP_GHOST_STOPPED, 0, signo);
    CHECK(waitpid(herd.pids[0], &status, WUNTRACED) == herd.pids[0]);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == signo);
    CHECK(pid_state(herd.pids[0]) == 't' || pid_state(herd.pids[0]) == 'T');
    CHECK(quiet());
    if (by_user) {
        kill(herd.pids[0], SIGCONT);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGCONT, &record));
    }
    order(BP_GHOST_CONTINUED, 0, 0);
    CHECK(waitpid(herd.pids[0], &status, WCONTINUED) == herd.pids[0] && WIFCONTINUED(status));
    CHECK(quiet());
    kill(herd.pids[0], SIGUSR2);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGUSR2, &record));
    return true;
}

static bool test_stop_is_mirrored(void)
{
    static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

    CHECK(herd_make(&herd, 1, LEASE_MS));
    for (int i = 0; i < 8; i++)
        CHECK(stop_and_continue(signals[i % 4], i >= 4));
    return herd_finish(&herd);
}

static bool test_stop_races_continue(void)
{
    struct bp_ghost_record record;

    CHECK(herd_make(&herd, 2, LEASE_MS));
    for (int i = 0; i < 300; i++) {
        order(BP_GHOST_STOPPED, 0, i & 1 ? SIGSTOP : SIGTSTP);
        if (i & 2)
            kill(herd.pids[0], SIGCONT);
        order(BP_GHOST_CONTINUED, 0, 0);
        if (i & 2)
            CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGCONT, &record));
        kill(herd.pids[0], SIGUSR1); /* it runs in the end */
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGUSR1, &record));
    }
    return herd_finish(&herd);
}

/* A user's STOP and CONT are told in the order they were sent, whatever the ghost is at. */
static bool test_stop_keeps_order(void)
{
    CHECK(herd_make(&herd, 1, LEASE_MS));
    for (int i = 0; i < 500; i++) {
        static const int sent[] = {SIGCONT, SIGSTOP, SIGUSR1};
        struct bp_ghost_record seen[16];
        int last = 0, count;
        bool marked = false;

        for (int k = 0; k < i % 3; k++)
            kill(herd.pids[0], SIGUSR2);
        kill(herd.pids[0], sent[i % 2]);
        kill(herd.pids[0], sent[(i + 1) % 2]);
        kill(herd.pids[0], SIGUSR1);
        do {
            CHECK(herd_next(&herd, &seen[0]) == 1);
            if (seen[0].signo == SIGCONT || seen[0].signo == SIGSTOP)
                last = seen[0].signo;
            marked = marked || seen[0].signo == SIGUSR1;
        } while (!marked || last != sent[(i + 1) % 2]);
        count = herd_sync(&herd, seen, 16);
        for (int k = 0; k < count; k++) {
            if (seen[k].signo == SIGCONT || seen[k].signo == SIGSTOP)
                last = seen[k].signo;
        }
        CHECK(last == sent[(i + 1) % 2]);
    }
    return herd_finish(&herd);
}

/* Every order before this one was obeyed. */
static bool obeyed(uint32_t slot)
{
    struct bp_ghost_record record;

    order(BP_GHOST_ASK, slot, 0);
    return next_is(BP_GHOST_TOLD, slot, 0, &record);
}

/* bpmaster has not heard of the SIGCONT when it says that the process was stopped: the ghost must
 * not stop. There a SIGSTOP would wait, and be dropped by the SIGCONT of its process's going on. */
static bool test_stop_is_outdated(void)
{
    struct bp_ghost_record record, old = {.type = BP_GHOST_STOPPED, .signo = SIGSTOP};
    int status = 0;

    CHECK(herd_make(&herd, 1, LEASE_MS));
    for (uint32_t i = 0; i < 20; i++) {
        old.value = herd.continues[0];
        kill(herd.pids[0], SIGSTOP);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGSTOP, &record));
        kill(herd.pids[0], SIGCONT);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGCONT, &record));
        herd_send(&herd, &old);
        CHECK(obeyed(0));
        CHECK(waitpid(herd.pids[0], &status, WNOHANG | WUNTRACED) == 0);
        kill(herd.pids[0], SIGSTOP);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGSTOP, &record));
        order(BP_GHOST_CONTINUED, 0, 0);
        order(BP_GHOST_STOPPED, 0, SIGSTOP);
        CHECK(waitpid(herd.pids[0], &status, WUNTRACED) == herd.pids[0] && WIFSTOPPED(status));
        herd_send(&herd, &old); /* when it goes on, by this SIGCONT: still outdated */
        CHECK(quiet());
        kill(herd.pids[0], SIGCONT);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGCONT, &record) && obeyed(0));
        CHECK(waitpid(herd.pids[0], &status, WNOHANG | WUNTRACED) == 0);
    }
    return herd_finish(&herd);
}

static bool test_exit_while_stopped(void)
{
    struct bp_ghost_record record;
    int status = 0;

    CHECK(herd_make(&herd, 3, LEASE_MS));
    for (uint32_t slot = 0; slot < 2; slot++) {
        order(BP_GHOST_STOPPED, slot, SIGSTOP);
        CHECK(waitpid(herd.pids[slot], &status, WUNTRACED) > 0 && WIFSTOPPED(status));
    }
    herd_exit(&herd, 0, 5 << 8);
    CHECK(waitpid(herd.pids[0], &status, WUNTRACED) > 0 && status == 5 << 8);
    CHECK(next_is(BP_GHOST_GONE, 0, 0, &record));
    kill(herd.pids[1], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGKILL, &record));
    herd_exit(&herd, 1, SIGKILL);
    CHECK(waitpid(herd.pids[1], &status, 0) > 0 && status == SIGKILL);
    order(BP_GHOST_STOPPED, 2, SIGTSTP);
    herd_exit(&herd, 2, SIGTERM); /* at once: stopped or not, it ends */
    while (waitpid(herd.pids[2], &status, 0) > 0 && WIFSTOPPED(status))
        continue;
    CHECK(status == SIGTERM);
    herd.pids[0] = herd.pids[1] = herd.pids[2] = 0;
    return herd_finish(&herd);
}

/* A watcher signals each ghost from the moment that its PID exists. PIDs of the namespace follow
 * each other: watcher, maker, herder, canary, ghosts. */
static bool birth_round(int signo, uint32_t count)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = count, .lease_ms = LEASE_MS, .comm = "solver"};
    struct bp_ghost_record last, record;
    int status, told = 0;
    pid_t watcher = fork();

    if (watcher == 0) {
        double limit = now_ms() + 5000;

        for (uint32_t slot = 0; slot < count; slot++) {
            while (kill(getpid() + 4 + (pid_t)slot, signo) < 0 && now_ms() < limit)
                continue;
        }
        _exit(0);
    }
    herd_start(&herd, &setup, sizeof(setup));
    CHECK(herd_await(&herd, &last) == BP_GHOST_HERDING && herd.maker_status == 0);
    CHECK(herd.maker == watcher + 1 && herd.herder == watcher + 2);
    CHECK(waitpid(watcher, &status, 0) == watcher && status == 0);
    CHECK(herd.born + herd.stillborn == count);
    for (uint32_t i = 0; i < herd.early_count; i++)
        told += herd.early[i].signo == signo;
    while ((uint32_t)told < herd.born) {
        int r = herd_next(&herd, &record);

        if (r != 1 || record.type != BP_GHOST_SIGNAL || record.signo != signo)
            printf("# signo %d: %d told of %u born, %u stillborn; r %d type %u slot %u signo %d\n",
                   signo, told, herd.born, herd.stillborn, r, record.type, record.slot,
                   record.signo);
        CHECK(r == 1 && record.type == BP_GHOST_SIGNAL);
        CHECK(record.signo == signo && record.slot < count && herd.pids[record.slot]);
        told++;
    }
    CHECK((uint32_t)told == herd.born && (signo == SIGKILL || herd.born == count));
    for (uint32_t slot = 0; slot < count; slot++) {
        if (!herd.pids[slot])
            CHECK(herd.born_status[slot] == SIGKILL &&
                  waitpid(watcher + 4 + (pid_t)slot, &status, 0) > 0);
    }
    CHECK(herd.born == 0 || quiet()); /* with none born the herd is over */
    return herd_finish(&herd);
}

static bool test_signals_from_birth(void)
{
    static const int signals[] = {SIGUSR1, SIGKILL, SIGSTOP, SIGTERM, SIGTSTP, 64};

    for (int i = 0; i < 60; i++)
        CHECK(birth_round(signals[i % 6], 24));
    return true;
}

/* A process outside our group sends on request: 'g' to the group, 'l' to the launcher alone. */
static pid_t sender_start(int signo, int *ret_requests)
{
    int fds[2];
    pid_t launcher = getpid(), group = getpgrp(), pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        char what;

        setsid();
        close(fds[1]);
        while (read(fds[0], &what, 1) == 1)
            kill(what == 'g' ? -group : launcher, signo);
        _exit(0);
    }
    close(fds[0]);
    *ret_requests = fds[1];
    return pid;
}

static void forward(const siginfo_t *info)
{
    struct bp_ghost_record record = {
        .type = BP_GHOST_FORWARD,
        .signo = info->si_signo,
        .code = info->si_code,
        .sender_pid = info->si_pid,
        .sender_uid = info->si_uid,
    };
    /* A launcher's own queued signal is never the group's: it marks that the first is decided. */
    struct bp_ghost_record mark = {.type = BP_GHOST_FORWARD, .signo = SIGHUP, .code = SI_QUEUE};

    herd_send(&herd, &record);
    herd_send(&herd, &mark);
}

static bool group_round(int requests, int signo, bool group, uint32_t count)
{
    struct bp_ghost_record record;
    uint32_t ghosts = 0, all = 0, marks = 0;
    sigset_t set;
    siginfo_t info;

    sigemptyset(&set);
    sigaddset(&set, signo);
    CHECK(write(requests, group ? "g" : "l", 1) == 1);
    CHECK(sigwaitinfo(&set, &info) == signo);
    forward(&info);
    while (marks == 0 || ghosts < (group ? count : 0)) {
        CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_SIGNAL);
        if (record.slot != BP_GHOST_SLOT_ALL)
            ghosts++;
        else if (record.signo == SIGHUP)
            marks++;
        else
            all++;
    }
    CHECK(ghosts == (group ? count : 0) && all == !group && marks == 1);
    return true;
}

static bool group_rounds(int signo, int rounds)
{
    int requests = -1, status;
    sigset_t set;
    pid_t sender;
    bool good = true;

    CHECK(herd_make(&herd, 8, LEASE_MS));
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sender = sender_start(signo, &requests);
    for (int i = 0; good && i < rounds; i++)
        good = group_round(requests, signo, i % 2, 8);
    for (int i = 0; good && i < rounds / 10; i++) /* several of one kind in a row */
        good = group_round(requests, signo, (i / 5) % 2, 8);
    close(requests);
    waitpid(sender, &status, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK(good && quiet());
    return herd_finish(&herd);
}

static bool test_group_or_launcher(void)
{
    return group_rounds(SIGINT, 1000) && group_rounds(SIGCONT, 100) && group_rounds(64, 200);
}

static bool test_canary_is_robust(void)
{
    struct bp_ghost_record record;
    pid_t canary;

    CHECK(herd_make(&herd, 2, LEASE_MS));
    canary = canary_find();
    CHECK(canary > 0);
    kill(canary, SIGSTOP);
    order(BP_GHOST_FORWARD, 0, SIGTERM);
    CHECK(next_is(BP_GHOST_SIGNAL, BP_GHOST_SLOT_ALL, SIGTERM, &record));
    kill(canary, SIGKILL);
    CHECK(pid_ended(canary));
    order(BP_GHOST_FORWARD, 0, SIGTERM);
    CHECK(next_is(BP_GHOST_SIGNAL, BP_GHOST_SLOT_ALL, SIGTERM, &record));
    CHECK(quiet());
    return herd_finish(&herd);
}

/* Group signals while the herd is being made: no ghost misses them. */
static bool early_round(uint32_t count)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = count, .lease_ms = LEASE_MS, .comm = "solver"};
    struct bp_ghost_record last, record;
    static uint32_t got[BP_GHOST_MAX];
    uint32_t missing = count;
    pid_t group = getpgrp(), sender = fork();
    int status;

    if (sender == 0) {
        double limit = now_ms() + 5000;

        setsid();
        while (kill(getpid() + 4 + (pid_t)count / 2, 0) < 0 && now_ms() < limit)
            continue;
        kill(-group, SIGUSR1);
        _exit(0);
    }
    herd_start(&herd, &setup, sizeof(setup));
    CHECK(herd_await(&herd, &last) == BP_GHOST_HERDING && herd.maker_status == 0);
    CHECK(waitpid(sender, &status, 0) == sender);
    memset(got, 0, sizeof(got));
    for (uint32_t i = 0; i < herd.early_count; i++)
        missing -= got[herd.early[i].slot]++ == 0;
    while (missing) {
        CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_SIGNAL);
        missing -= got[record.slot]++ == 0;
    }
    CHECK(quiet());
    for (uint32_t slot = 0; slot < count; slot++)
        CHECK(got[slot] == 1);
    return herd_finish(&herd);
}

static bool test_group_signal_while_making(void)
{
    sigset_t set;
    bool good = true;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; good && i < 20; i++)
        good = early_round(100);
    signal(SIGUSR1, SIG_IGN); /* drops what is pending */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGUSR1, SIG_DFL);
    return good;
}

static int chld_count;

static void chld_handler(int signo)
{
    (void)signo;
    chld_count++;
}

static bool test_wait_loop_ends(void)
{
    int children = 0, status;

    signal(SIGCHLD, chld_handler);
    chld_count = 0;
    CHECK(herd_make(&herd, 5, LEASE_MS));
    for (uint32_t slot = 0; slot < 5; slot++)
        herd_exit(&herd, slot, 0);
    while (wait(&status) > 0 || errno == EINTR)
        children += status == 0;
    signal(SIGCHLD, SIG_DFL);
    printf("# %d SIGCHLD for the maker and 5 ghosts\n", chld_count);
    CHECK(children >= 5 && chld_count >= 1 && chld_count <= 6);
    memset(herd.pids, 0, sizeof(herd.pids));
    return herd_finish(&herd);
}

static bool test_herder_killed(void)
{
    struct bp_ghost_record record;
    int status;

    CHECK(herd_make(&herd, 20, LEASE_MS));
    kill(herd.pids[3], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 3, SIGKILL, &record));
    order(BP_GHOST_STOPPED, 4, SIGSTOP);
    CHECK(waitpid(herd.pids[4], &status, WUNTRACED) > 0);
    kill(herd.herder, SIGKILL);
    for (uint32_t slot = 0; slot < 20; slot++)
        CHECK(waitpid(herd.pids[slot], &status, 0) > 0 && status == SIGKILL);
    while (herd_next(&herd, &record) == 1)
        continue;
    CHECK(canary_find() == 0 || pid_ended(canary_find()));
    close(herd.link);
    close(herd.pids_fd);
    return true;
}

static bool ended_after(double start, double least)
{
    int status;

    for (uint32_t slot = 0; slot < herd.count; slot++)
        CHECK(waitpid(herd.pids[slot], &status, 0) > 0 && status == SIGKILL);
    CHECK(now_ms() - start >= least);
    return pid_ended(herd.herder);
}

static bool test_lease_ends_ghosts(void)
{
    struct bp_ghost_record record;
    double start = now_ms();
    int status;

    CHECK(herd_make(&herd, 4, 400));
    kill(herd.pids[0], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGKILL, &record));
    CHECK(ended_after(start, 500));
    CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_GONE);
    close(herd.link);
    close(herd.pids_fd);

    CHECK(herd_make(&herd, 4, 400)); /* the master dies */
    start = now_ms();
    CHECK(quiet());
    kill(herd.pids[1], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGKILL, &record));
    close(herd.link);
    CHECK(waitpid(herd.pids[1], &status, WNOHANG) == 0);
    close(herd.pids_fd);
    return ended_after(start, 500);
}

static bool test_thousand(void)
{
    struct bp_ghost_record record;
    double start = now_ms(), made, told, gone;
    uint32_t count = 0;

    CHECK(herd_make(&herd, 1000, LEASE_MS));
    made = now_ms();
    for (uint32_t slot = 0; slot < 1000; slot++)
        kill(herd.pids[slot], SIGUSR1);
    for (; count < 1000; count++)
        CHECK(herd_next(&herd, &record) == 1 && record.signo == SIGUSR1);
    told = now_ms();
    CHECK(herd_finish(&herd));
    gone = now_ms();
    printf("# 1000 ghosts: made %.1f ms, signalled %.1f ms, ended %.1f ms\n", made - start,
           told - made, gone - told);
    return true;
}

static bool test_bad_setup(void)
{
    static const struct {
        struct bp_ghost_setup setup;
        size_t size;
        int error;
    } bad[] = {
        {{.version = BP_GHOST_VERSION, .count = 0, .lease_ms = 1000}, 64, EINVAL},
        {{.version = BP_GHOST_VERSION, .count = BP_GHOST_MAX + 1, .lease_ms = 1000}, 64, EINVAL},
        {{.version = BP_GHOST_VERSION, .count = 1, .lease_ms = 0}, 64, EINVAL},
        {{.version = 77, .count = 1, .lease_ms = 1000}, 64, EPROTONOSUPPORT},
        {{.version = BP_GHOST_VERSION, .count = 1, .lease_ms = 1000}, 40, EPROTO},
        {{.version = BP_GHOST_VERSION, .count = 1, .lease_ms = 1000}, 0, EPROTO},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bp_ghost_record last;

        herd_start(&herd, &bad[i].setup, bad[i].size);
        CHECK(herd_await(&herd, &last) == BP_GHOST_FAILED && last.status == bad[i].error);
        CHECK(WIFEXITED(herd.maker_status) && WEXITSTATUS(herd.maker_status) == bad[i].error);
        CHECK(wait(NULL) < 0 && errno == ECHILD);
        close(herd.link);
        close(herd.pids_fd);
    }
    return true;
}

static bool test_malformed_records(void)
{
    static char bytes[80 * 64];
    struct bp_ghost_record record;

    CHECK(herd_make(&herd, 2, LEASE_MS));
    for (uint32_t type = 0; type < 80; type++) {
        if ((type >= BP_GHOST_EXIT && type <= BP_GHOST_PING) || type == BP_GHOST_ASK ||
            type == BP_GHOST_BECOME)
            continue;
        order(type, 1, 5);
    }
    for (uint32_t type = BP_GHOST_EXIT; type <= BP_GHOST_NAME; type++) {
        order(type, 2, SIGTERM);
        order(type, 4000000000u, SIGTERM);
        order(type, BP_GHOST_MAX, SIGTERM);
    }
    order(BP_GHOST_FORWARD, 0, 0);
    order(BP_GHOST_FORWARD, 0, 65);
    order(BP_GHOST_FORWARD, 0, -1);
    order(BP_GHOST_STOPPED, 1, -7);
    order(BP_GHOST_CONTINUED, 1, 0);
    herd_exit(&herd, 0, 0x7f);
    herd_exit(&herd, 0, -1);
    herd_exit(&herd, 0, 0x10000);
    memset(bytes, 0xff, sizeof(bytes));
    for (size_t size = 1; size < sizeof(bytes); size += 131)
        CHECK(send(herd.link, bytes, size, 0) == (ssize_t)size);
    CHECK(send(herd.link, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    kill(herd.pids[0], SIGUSR1);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGUSR1, &record));
    CHECK(herd_sync(&herd, NULL, 0) == 0);
    return herd_finish(&herd);
}

static uint32_t random_next(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

/* Orders without sense beside signals: whatever comes of it, the lease ends it. */
static bool test_random_orders(void)
{
    CHECK(herd_make(&herd, 8, 400));
    for (int i = 0; i < 5000; i++) {
        struct bp_ghost_record record = {
            .type = BP_GHOST_EXIT + random_next() % (i < 4000 ? 7 : 6) + (i < 4000),
            .slot = random_next() % 9,
            .signo = (int)(random_next() % 67) - 1,
            .code = random_next() % 2 ? SI_USER : SI_QUEUE,
            .status = (int)(random_next() % 0x10100),
        };

        herd_send(&herd, &record);
        if (i % 8 == 0)
            kill(herd.pids[random_next() % 8], i % 16 ? SIGSTOP : SIGCONT);
        while (recv(herd.link, &herd.batch, sizeof(herd.batch), MSG_DONTWAIT) > 0)
            continue;
    }
    shutdown(herd.link, SHUT_WR);
    for (uint32_t slot = 0; slot < herd.count; slot++)
        CHECK(waitpid(herd.pids[slot], NULL, 0) == herd.pids[slot]);
    CHECK(pid_ended(herd.herder));
    close(herd.link);
    close(herd.pids_fd);
    return true;
}

/* The limit of pending signals is used up: kicks come without their sender and still work. */
static bool test_no_pending_signals(void)
{
    struct rlimit before, none;
    struct bp_ghost_record name = {.type = BP_GHOST_NAME, .slot = 0, .name = "other"}, record;
    bool good;

    getrlimit(RLIMIT_SIGPENDING, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_SIGPENDING, &none);
    good = herd_make(&herd, 2, LEASE_MS);
    setrlimit(RLIMIT_SIGPENDING, &before);
    CHECK(good);
    for (int i = 0; i < 300; i++) {
        herd_send(&herd, &name);
        kill(herd.pids[0], SIGUSR1);
        CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGUSR1, &record));
        if (i % 10 == 0)
            order(BP_GHOST_FORWARD, 0, SIGTERM);
        if (i % 10 == 0)
            CHECK(next_is(BP_GHOST_SIGNAL, BP_GHOST_SLOT_ALL, SIGTERM, &record));
    }
    CHECK(quiet());
    return herd_finish(&herd);
}

/* bpmaster does not read for a while: nothing is lost, nobody spins or blocks. */
static bool test_full_link(void)
{
    struct bp_ghost_record record;
    uint64_t next[4] = {0};
    long sent = 0, refused = 0;

    CHECK(herd_make(&herd, 4, LEASE_MS));
    for (int i = 0; i < 40000; i++) {
        union sigval value = {.sival_int = (int)next[i % 4]};

        if (sigqueue(herd.pids[i % 4], SIGRTMIN + 3, value) == 0) {
            next[i % 4]++;
            sent++;
        } else {
            refused++;
        }
    }
    printf("# %ld queued, %ld refused by the kernel\n", sent, refused);
    memset(next, 0, sizeof(next));
    for (long i = 0; i < sent; i++) {
        CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_SIGNAL);
        CHECK(record.value == next[record.slot]++);
    }
    CHECK(quiet());
    return herd_finish(&herd);
}

static bool test_maker_killed(void)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = 500, .lease_ms = LEASE_MS, .comm = "solver"};
    struct bp_ghost_record last;
    int status, failed = 0;

    for (int i = 0; i < 30; i++) {
        pid_t watcher = fork();

        if (watcher == 0) {
            double limit = now_ms() + 5000;

            while (kill(getpid() + 1 + i * 15, 0) < 0 && now_ms() < limit)
                continue;
            kill(getpid() + 1, SIGKILL);
            _exit(0);
        }
        herd_start(&herd, &setup, sizeof(setup));
        if (herd_await(&herd, &last) == BP_GHOST_HERDING && herd.maker_status == 0) {
            CHECK(waitpid(watcher, &status, 0) == watcher);
            CHECK(herd_finish(&herd)); /* the killer came too late */
            continue;
        }
        failed++;
        CHECK(herd.maker_status != 0);
        while (wait(&status) > 0)
            continue;
        while (herd_next(&herd, &last) == 1)
            continue;
        close(herd.link);
        close(herd.pids_fd);
    }
    printf("# %d of 30 makers killed in time\n", failed);
    return failed > 0;
}

static bool test_process_limit(void)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = 200, .lease_ms = LEASE_MS, .comm = "solver"};
    struct bp_ghost_record last;
    struct rlimit before, limit;
    int32_t pids[200];
    ssize_t n;

    if (getuid() == 0)
        return true; /* the limit does not hold for root */
    getrlimit(RLIMIT_NPROC, &before);
    limit = before;
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_NPROC, &limit);
    herd_start(&herd, &setup, sizeof(setup));
    setrlimit(RLIMIT_NPROC, &before);
    CHECK(herd_await(&herd, &last) == BP_GHOST_FAILED && last.status == EAGAIN);
    CHECK(WIFEXITED(herd.maker_status) && WEXITSTATUS(herd.maker_status) == EAGAIN);
    n = pread(herd.pids_fd, pids, sizeof(pids), sizeof(setup));
    CHECK(n > 0 && n < (ssize_t)sizeof(pids));
    for (ssize_t i = 0; i < n / 4; i++) {
        int status;

        CHECK(waitpid(pids[i], &status, WNOHANG) == pids[i] && status == SIGKILL);
    }
    CHECK(wait(NULL) < 0 && errno == ECHILD);
    CHECK(herd_next(&herd, &last) == 0);
    close(herd.link);
    close(herd.pids_fd);
    return true;
}

/* bpmaster is gone or the link is no link: an errno and no ghost. */
static bool test_dead_link(void)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = 50, .lease_ms = LEASE_MS, .comm = "solver"};
    int status;

    herd_start(&herd, &setup, sizeof(setup));
    close(herd.link);
    CHECK(waitpid(herd.maker, &status, 0) == herd.maker);
    printf("# maker's status 0x%x\n", status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EPIPE);
    while (wait(&status) > 0)
        CHECK(status == SIGKILL);
    close(herd.pids_fd);
    return true;
}

/* The launcher dies: the ghosts are init's and live on until bpmaster ends them. */
static bool test_launcher_dies(void)
{
    struct bp_ghost_record record;
    int fds[2], status;
    pid_t launcher;

    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    launcher = fork();
    if (launcher == 0) {
        char ok = (char)herd_make(&herd, 3, LEASE_MS);

        for (uint32_t slot = 0; slot < 3; slot++) {
            struct msghdr none = {0};

            none.msg_iov = &(struct iovec){&herd.pids[slot], sizeof(herd.pids[slot])};
            none.msg_iovlen = 1;
            sendmsg(fds[1], &none, 0);
        }
        send(fds[1], &herd.herder, sizeof(herd.herder), 0);
        send(fds[1], &herd.link, sizeof(herd.link), 0);
        /* Keep the link alive in the parent: it is passed on. */
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(int))];
        } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
        struct msghdr message = {.msg_iov = &(struct iovec){&ok, 1},
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};

        memcpy(CMSG_DATA(&control.header), &herd.link, sizeof(int));
        sendmsg(fds[1], &message, 0);
        _exit(0);
    }
    memset(&herd, 0, sizeof(herd));
    herd.count = 3;
    for (uint32_t slot = 0; slot < 3; slot++)
        CHECK(recv(fds[0], &herd.pids[slot], sizeof(pid_t), 0) == sizeof(pid_t));
    CHECK(recv(fds[0], &herd.herder, sizeof(pid_t), 0) == sizeof(pid_t));
    CHECK(recv(fds[0], &herd.link, sizeof(int), 0) == sizeof(int));
    char ok = 0;
    char space[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {.msg_iov = &(struct iovec){&ok, 1},
                             .msg_iovlen = 1,
                             .msg_control = space,
                             .msg_controllen = sizeof(space)};

    CHECK(recvmsg(fds[0], &message, 0) == 1 && ok);
    memcpy(&herd.link, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    CHECK(waitpid(launcher, &status, 0) == launcher);
    kill(herd.pids[2], SIGUSR1);
    CHECK(next_is(BP_GHOST_SIGNAL, 2, SIGUSR1, &record));
    for (uint32_t slot = 0; slot < 3; slot++)
        herd_exit(&herd, slot, SIGTERM);
    while (herd_next(&herd, &record) == 1)
        CHECK(record.type == BP_GHOST_GONE && record.status == SIGTERM);
    close(herd.link);
    close(fds[0]);
    close(fds[1]);
    return pid_ended(herd.herder);
}

static void make_child(uint32_t slot, uint32_t parent)
{
    struct bp_ghost_record record = {
        .type = BP_GHOST_MAKE, .slot = slot, .parent = parent, .name = "child"};

    herd_send(&herd, &record);
}

/* Some of them are told to be there, in whatever order. */
static bool children_are_born(uint32_t first, uint32_t count, pid_t *ret_pids)
{
    struct bp_ghost_record record;

    memset(ret_pids, 0, count * sizeof(*ret_pids));
    for (uint32_t i = 0; i < count; i++) {
        CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_BORN);
        CHECK(record.slot - first < count && ret_pids[record.slot - first] == 0);
        ret_pids[record.slot - first] = record.pid;
    }
    return true;
}

static bool child_is_born(uint32_t slot, pid_t parent, pid_t *ret_pid)
{
    int found, group, session;

    CHECK(children_are_born(slot, 1, ret_pid));
    CHECK(stat_ids(*ret_pid, &found, &group, &session));
    CHECK(found == parent && group == getpgrp() && session == getsid(0));
    return true;
}

static bool child_is_gone(uint32_t slot, int status, pid_t pid)
{
    struct bp_ghost_record record;

    CHECK(next_is(BP_GHOST_GONE, slot, 0, &record) && record.status == status);
    return pid_ended(pid) && pid_state(pid) == '-'; /* and no zombie */
}

static bool test_children(void)
{
    struct bp_ghost_record record;
    pid_t child[3], grandchild;
    int parent, group, session;
    char text[64];

    CHECK(herd_make(&herd, 2, LEASE_MS));
    for (uint32_t i = 0; i < 3; i++)
        make_child(2 + i, 1);
    CHECK(children_are_born(2, 3, child));
    CHECK(stat_ids(child[2], &parent, &group, &session) && parent == herd.pids[1]);
    make_child(9, 3);
    CHECK(child_is_born(9, child[1], &grandchild));
    for (int signo = SIGUSR1; signo <= SIGUSR2; signo += SIGUSR2 - SIGUSR1) {
        kill(child[0], signo); /* before it tells of the second one it has taken its name */
        CHECK(next_is(BP_GHOST_SIGNAL, 2, signo, &record));
    }
    CHECK(proc_read(child[0], "comm", text, sizeof(text)) && strcmp(text, "child\n") == 0);
    kill(child[2], SIGKILL);
    CHECK(next_is(BP_GHOST_SIGNAL, 4, SIGKILL, &record) && pid_state(child[2]) == 'Z');
    herd_exit(&herd, 4, 7 << 8);
    CHECK(child_is_gone(4, SIGKILL, child[2]));
    herd_exit(&herd, 2, 7 << 8);
    CHECK(child_is_gone(2, 7 << 8, child[0]));
    order(BP_GHOST_STOPPED, 3, SIGSTOP);
    while (pid_state(child[1]) != 't')
        sched_yield();
    kill(child[1], SIGUSR1);
    order(BP_GHOST_ASK, 3, 0); /* a stopped one answers when it goes on, and has told first */
    order(BP_GHOST_ASK, 3, 0);
    order(BP_GHOST_ASK, 4, 0); /* one that is gone at once */
    CHECK(next_is(BP_GHOST_TOLD, 4, 0, &record));
    order(BP_GHOST_CONTINUED, 3, 0);
    CHECK(next_is(BP_GHOST_SIGNAL, 3, SIGUSR1, &record) && next_is(BP_GHOST_TOLD, 3, 0, &record));
    CHECK(next_is(BP_GHOST_TOLD, 3, 0, &record));
    kill(herd.pids[1], SIGCHLD); /* the only one that is told */
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGCHLD, &record) && record.code == SI_USER && quiet());
    make_child(2, 0); /* a slot again */
    CHECK(child_is_born(2, herd.pids[0], &child[0]));
    herd_exit(&herd, 3, 0);
    CHECK(child_is_gone(3, 0, child[1]));
    CHECK(stat_ids(grandchild, &parent, &group, &session) && parent == 1);
    kill(grandchild, SIGUSR2);
    CHECK(next_is(BP_GHOST_SIGNAL, 9, SIGUSR2, &record));
    herd_exit(&herd, 9, 0); /* it is for its new parent to reap */
    CHECK(next_is(BP_GHOST_GONE, 9, 0, &record) && record.status == 0 && pid_ended(grandchild));
    herd_exit(&herd, 2, 0);
    CHECK(child_is_gone(2, 0, child[0]));
    return herd_finish(&herd);
}

/* A parent that is stopped makes them when it goes on; one that dies meanwhile does not. */
static bool test_children_refused(void)
{
    struct bp_ghost_record record, seen[2];
    pid_t child;

    CHECK(herd_make(&herd, 3, LEASE_MS));
    for (uint32_t slot = 0; slot < 2; slot++) {
        int status;

        order(BP_GHOST_STOPPED, slot, SIGSTOP);
        CHECK(waitpid(herd.pids[slot], &status, WUNTRACED) == herd.pids[slot]);
        make_child(3 + slot, slot);
    }
    CHECK(quiet());
    order(BP_GHOST_CONTINUED, 0, 0);
    CHECK(child_is_born(3, herd.pids[0], &child));
    herd_exit(&herd, 1, 0);
    CHECK(herd_next(&herd, &seen[0]) == 1 && herd_next(&herd, &seen[1]) == 1);
    int gone = seen[0].type == BP_GHOST_GONE ? 0 : 1;
    CHECK(seen[gone].type == BP_GHOST_GONE && seen[gone].slot == 1);
    CHECK(seen[!gone].type == BP_GHOST_UNMADE && seen[!gone].slot == 4 &&
          seen[!gone].status == ESRCH);
    make_child(4, 1); /* a parent that is gone */
    CHECK(next_is(BP_GHOST_UNMADE, 4, 0, &record) && record.status == ESRCH);
    make_child(5, 1000);
    CHECK(next_is(BP_GHOST_UNMADE, 5, 0, &record) && record.status == ESRCH);
    make_child(2, 0); /* slots of a launch, one in use, and none at all: refused without a word */
    make_child(3, 0);
    make_child(BP_GHOST_SLOTS, 0);
    make_child(UINT32_MAX, 0);
    CHECK(quiet());
    herd_exit(&herd, 3, 0);
    CHECK(child_is_gone(3, 0, child));
    herd.pids[1] = 0;
    waitpid(-1, NULL, WNOHANG);
    return herd_finish(&herd);
}

/* Placeholders: the PIDs are the caller's choice, and no right stays with anybody. */
static bool test_given(void)
{
    struct {
        struct bp_ghost_setup setup;
        int32_t pids[3];
    } given = {.setup = {.version = BP_GHOST_VERSION, .count = 3, .lease_ms = LEASE_MS,
                         .flags = BP_GHOST_GIVEN, .comm = "solver"},
               .pids = {20003, 20001, 20002}};
    struct bp_ghost_record record;
    char text[2048];

    herd_start(&herd, &given.setup, sizeof(given));
    if (test_uid) { /* nobody has given this program file the right */
        CHECK(herd_await(&herd, &record) == BP_GHOST_FAILED && record.status == EPERM);
        close(herd.link);
        return true;
    }
    CHECK(herd_await(&herd, &record) == BP_GHOST_HERDING && herd.maker_status == 0);
    for (uint32_t slot = 0; slot < 3; slot++) {
        CHECK(herd.pids[slot] == given.pids[slot]);
        CHECK(proc_read(herd.pids[slot], "status", text, sizeof(text)));
        CHECK(strstr(text, "CapPrm:\t0000000000000000"));
    }
    CHECK(proc_read(herd.herder, "status", text, sizeof(text)));
    CHECK(strstr(text, "CapPrm:\t0000000000000000"));
    kill(20001, SIGUSR1);
    CHECK(next_is(BP_GHOST_SIGNAL, 1, SIGUSR1, &record));
    CHECK(herd_finish(&herd));
    given.pids[1] = getpid(); /* taken: the first one is ended again */
    herd_start(&herd, &given.setup, sizeof(given));
    CHECK(herd_await(&herd, &record) == BP_GHOST_FAILED && record.status == EEXIST);
    CHECK(waitpid(20003, NULL, 0) == 20003);
    close(herd.link);
    herd_start(&herd, &given.setup, sizeof(given) - 1);
    CHECK(herd_await(&herd, &record) == BP_GHOST_FAILED && record.status == EPROTO);
    close(herd.link);
    return true;
}

/* All slots, again and again; then all end with their herder. */
static bool test_many_children(void)
{
    struct bp_ghost_record record;
    static pid_t children[BP_GHOST_SLOTS];

    CHECK(herd_make(&herd, 1, LEASE_MS));
    for (int round = 0; round < 2; round++) {
        for (uint32_t slot = 1; slot < BP_GHOST_SLOTS; slot++)
            make_child(slot, 0);
        CHECK(children_are_born(1, BP_GHOST_SLOTS - 1, children + 1));
        for (uint32_t slot = 1; round == 0 && slot < BP_GHOST_SLOTS; slot++)
            herd_exit(&herd, slot, 0);
        for (uint32_t i = 1; round == 0 && i < BP_GHOST_SLOTS; i++)
            CHECK(herd_next(&herd, &record) == 1 && record.type == BP_GHOST_GONE);
    }
    kill(herd.herder, SIGKILL);
    CHECK(pid_ended(herd.herder));
    for (uint32_t slot = 1; slot < BP_GHOST_SLOTS; slot++)
        CHECK(pid_ended(children[slot]));
    return waitpid(herd.pids[0], NULL, 0) == herd.pids[0];
}

/* The next child of a traced process, stopped before its first instruction; that one is let go. */
static bool child_hold(pid_t parent, pid_t *ret_child)
{
    unsigned long child = 0;
    int status;

    do {
        CHECK(waitpid(parent, &status, __WALL) == parent && WIFSTOPPED(status));
        if (status >> 16 == PTRACE_EVENT_FORK || status >> 16 == PTRACE_EVENT_CLONE)
            CHECK(ptrace(PTRACE_GETEVENTMSG, parent, 0, &child) == 0);
        else
            ptrace(PTRACE_CONT, parent, 0, 0);
    } while (child == 0);
    CHECK(waitpid((pid_t)child, &status, __WALL) == (pid_t)child && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_DETACH, parent, 0, 0) == 0);
    *ret_child = (pid_t)child;
    return true;
}

/* The maker's midwife's child; it alone stays traced. */
static bool herder_hold(pid_t *ret_herder)
{
    pid_t midwife;

    CHECK(ptrace(PTRACE_SEIZE, herd.maker, 0,
                 PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD) == 0);
    close(herd.gate);
    CHECK(child_hold(herd.maker, &midwife));
    ptrace(PTRACE_CONT, midwife, 0, 0);
    return child_hold(midwife, ret_herder);
}

/* How far the herder is: it is about to trace its maker, has just done so, or has let it go on to be
 * the ghost and not heard of that yet. */
enum herder_stage { STAGE_BEFORE, STAGE_TRACED, STAGE_LET_GO };

static bool herder_step(pid_t herder, enum herder_stage stage)
{
    struct __ptrace_syscall_info info = {0};
    bool there = false;
    int status;

    do {
        CHECK(ptrace(PTRACE_SYSCALL, herder, 0, 0) == 0);
        CHECK(waitpid(herder, &status, __WALL) == herder && WIFSTOPPED(status));
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, herder, sizeof(info), &info) > 0);
        if (there)
            break;
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        there = stage == STAGE_LET_GO
                    ? info.entry.nr == SYS_kill && info.entry.args[1] == SIGKILL
                    : info.entry.nr == SYS_ptrace && info.entry.args[0] == PTRACE_SEIZE;
    } while (!there || stage != STAGE_BEFORE);
    return true;
}

/* The maker has become the ghost, and waits for signals. */
static bool maker_is_ghost(void)
{
    char text[64];

    do {
        sched_yield();
        CHECK(proc_read(herd.maker, "comm", text, sizeof(text)));
    } while (strcmp(text, "solver\n") != 0 || pid_state(herd.maker) != 'S');
    return true;
}

/* A process that becomes a ghost is stopped on the way. */
static bool stop_on_the_way(enum herder_stage stage)
{
    struct bp_ghost_setup setup = {.version = BP_GHOST_VERSION, .count = 1, .comm = "solver",
                                   .lease_ms = LEASE_MS, .flags = BP_GHOST_IN_PLACE};
    struct bp_ghost_record record;
    bool herding = false;
    pid_t herder;
    int status, told = 0;

    prctl(PR_SET_DUMPABLE, 1); /* lost with its user; inherited by the maker */
    herd_start_gated(&herd, &setup);
    CHECK(herder_hold(&herder) && herder_step(herder, stage));
    CHECK(stage != STAGE_LET_GO || maker_is_ghost());
    kill(herd.maker, SIGSTOP);
    while (pid_state(herd.maker) != (stage == STAGE_BEFORE ? 'T' : 't'))
        sched_yield();
    kill(herd.maker, SIGUSR1);
    CHECK(ptrace(PTRACE_DETACH, herder, 0, 0) == 0);
    CHECK(next_is(BP_GHOST_BORN, 0, 0, &record) && record.pid == herd.maker);
    while (!herding || told != SIGUSR1) {
        CHECK(herd_next(&herd, &record) == 1);
        if (record.type == BP_GHOST_HERDING) {
            herding = true;
            continue;
        }
        CHECK(record.signo == (told ? SIGUSR1 : SIGSTOP)); /* in the order they were sent */
        told = record.signo;
    }
    if (stage == STAGE_BEFORE)
        CHECK(waitpid(herd.maker, &status, WUNTRACED) == herd.maker && WIFSTOPPED(status));
    order(BP_GHOST_STOPPED, 0, SIGSTOP);
    while (pid_state(herd.maker) != 't')
        sched_yield();
    CHECK(quiet());
    herd_exit(&herd, 0, 5 << 8);
    do
        CHECK(waitpid(herd.maker, &status, 0) == herd.maker);
    while (WIFSTOPPED(status));
    CHECK(status == 5 << 8 && next_is(BP_GHOST_GONE, 0, 0, &record) && pid_ended(herder));
    close(herd.link);
    close(herd.pids_fd);
    return true;
}

static bool test_stop_on_the_way(void)
{
    return stop_on_the_way(STAGE_TRACED) && stop_on_the_way(STAGE_BEFORE) &&
           stop_on_the_way(STAGE_LET_GO);
}

/* Without bpmaster bphome ends with 127: the parent sees its own child's end, and no herder. */
static bool test_become(void)
{
    struct bp_ghost_record record;
    int status = 0;

    CHECK(herd_make(&herd, 3, LEASE_MS));
    order(BP_GHOST_BECOME, 3, 0); /* none of its */
    order(BP_GHOST_STOPPED, 1, SIGSTOP);
    CHECK(waitpid(herd.pids[1], &status, WUNTRACED) == herd.pids[1] && WIFSTOPPED(status));
    order(BP_GHOST_BECOME, 1, 0); /* a stopped one becomes it when it goes on */
    kill(herd.pids[0], SIGUSR1);
    order(BP_GHOST_BECOME, 0, 0);
    CHECK(next_is(BP_GHOST_SIGNAL, 0, SIGUSR1, &record));
    CHECK(next_is(BP_GHOST_HOME, 0, 0, &record) && record.pid == herd.pids[0]);
    CHECK(waitpid(herd.pids[0], &status, 0) == herd.pids[0] && status == 127 << 8);
    order(BP_GHOST_BECOME, 0, 0); /* it is nobody's ghost any more */
    CHECK(quiet() && waitpid(herd.pids[1], &status, WNOHANG) == 0);
    herd_exit(&herd, 0, 127 << 8);
    CHECK(next_is(BP_GHOST_GONE, 0, 0, &record));
    order(BP_GHOST_CONTINUED, 1, 0);
    CHECK(next_is(BP_GHOST_HOME, 1, 0, &record));
    CHECK(waitpid(herd.pids[1], &status, 0) == herd.pids[1] && status == 127 << 8);
    herd_exit(&herd, 1, 127 << 8);
    CHECK(next_is(BP_GHOST_GONE, 1, 0, &record));
    herd.pids[0] = herd.pids[1] = 0;
    return herd_finish(&herd);
}

/* Killed on the way it is held as a ghost, or dead as what it had become; never both or neither. */
static bool test_become_killed(void)
{
    struct bp_ghost_record record;
    int status, held = 0;
    bool home;

    for (int i = 0; i < 40; i++) {
        CHECK(herd_make(&herd, 1, LEASE_MS));
        order(BP_GHOST_BECOME, 0, 0);
        for (int k = 0; k < i % 10; k++)
            sched_yield();
        kill(herd.pids[0], SIGKILL);
        CHECK(herd_next(&herd, &record) == 1);
        CHECK(record.type == BP_GHOST_SIGNAL || record.type == BP_GHOST_HOME);
        if (record.type == BP_GHOST_SIGNAL) {
            CHECK(record.signo == SIGKILL && waitpid(herd.pids[0], &status, WNOHANG) == 0);
            held++;
            herd_exit(&herd, 0, 3 << 8);
            CHECK(next_is(BP_GHOST_GONE, 0, 0, &record) && record.status == SIGKILL);
        }
        home = record.type == BP_GHOST_HOME;
        CHECK(waitpid(herd.pids[0], &status, 0) == herd.pids[0]);
        CHECK(status == SIGKILL || (home && status == 127 << 8));
        if (home)
            herd_exit(&herd, 0, status);
        CHECK(!home || next_is(BP_GHOST_GONE, 0, 0, &record));
        herd.pids[0] = 0;
        CHECK(herd_finish(&herd));
    }
    printf("# %d of 40 were killed as ghosts\n", held);
    return true;
}

static const struct {
    const char *name;
    bool (*run)(void);
} tests[] = {
    {"herd looks right", test_herd_looks_right},
    {"name", test_name},
    {"every signal is told once with code, value and sender", test_every_signal},
    {"every status comes out", test_every_status},
    {"kill is held until the order to end", test_kill_is_held},
    {"stop and continue are mirrored", test_stop_is_mirrored},
    {"stop races continue", test_stop_races_continue},
    {"stop keeps its order among signals", test_stop_keeps_order},
    {"a stop that is outdated", test_stop_is_outdated},
    {"end while stopped", test_exit_while_stopped},
    {"signals from the moment of birth", test_signals_from_birth},
    {"group signal or launcher's", test_group_or_launcher},
    {"canary stopped, killed", test_canary_is_robust},
    {"group signal while making", test_group_signal_while_making},
    {"a wait loop ends", test_wait_loop_ends},
    {"herder killed", test_herder_killed},
    {"lease ends ghosts", test_lease_ends_ghosts},
    {"a thousand ghosts", test_thousand},
    {"bad setup", test_bad_setup},
    {"malformed records", test_malformed_records},
    {"random orders", test_random_orders},
    {"no pending signals", test_no_pending_signals},
    {"full link", test_full_link},
    {"maker killed", test_maker_killed},
    {"process limit", test_process_limit},
    {"dead link", test_dead_link},
    {"launcher dies", test_launcher_dies},
    {"children of ghosts", test_children},
    {"children that cannot be", test_children_refused},
    {"many children", test_many_children},
    {"PIDs that are given", test_given},
    {"stopped on the way to be a ghost", test_stop_on_the_way},
    {"a ghost becomes its process", test_become},
    {"killed while it becomes it", test_become_killed},
};

#define TESTS ((int)(sizeof(tests) / sizeof(tests[0])))

/* Each test is a launcher of its own, leader of its group. */
static int test_run(int i)
{
    double start = now_ms();
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        alarm(120);
        status = tests[i].run() ? 0 : 1;
        fflush(stdout);
        _exit(status);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        printf("# ended by signal %d\n", WTERMSIG(status));
    printf("%sok %d - %s\n# %.0f ms\n", status ? "not " : "", i + 1, tests[i].name,
           now_ms() - start);
    return status != 0;
}

static bool is_wanted(const char *name, const char *only)
{
    const char *word = only;

    while (word && *word) {
        size_t length = strcspn(word, "|");
        if (memmem(name, strlen(name), word, length))
            return true;
        word += length + (word[length] == '|');
    }
    return !only;
}

static int tests_run(const char *only)
{
    int failures = 0;

    if (test_uid && (setgroups(0, NULL) || setgid(test_uid) || setuid(test_uid)))
        return 99;
    setsid();
    for (int i = 0; i < TESTS; i++) {
        if (is_wanted(tests[i].name, only))
            failures += test_run(i);
        else
            printf("ok %d - %s # SKIP\n", i + 1, tests[i].name);
    }
    return failures != 0;
}

static void too_long(int signo)
{
    (void)signo;
    (void)!write(STDOUT_FILENO, "# something is left\n", 20);
    _exit(99); /* the kernel ends the namespace */
}

/* PID 1 of the namespace: reaps; at the end nothing but itself may be left. */
static int init_run(const char *only)
{
    pid_t runner, pid;
    int status, result = 99;

    signal(SIGALRM, too_long);
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        return 99;
    fflush(stdout);
    runner = fork();
    if (runner == 0) {
        status = tests_run(only);
        fflush(stdout);
        _exit(status);
    }
    while ((pid = wait(&status)) > 0) {
        if (pid == runner)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 99;
        if (result != 99)
            alarm(30); /* what is left has to go by itself */
    }
    printf("%sok %d - nothing is left\n", kill(-1, 0) == 0 ? "not " : "", TESTS + 1);
    return result;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    int option, status;
    pid_t pid;

    while ((option = getopt(argc, argv, "u:n:")) != -1) {
        if (option == 'u')
            test_uid = (uid_t)atoi(optarg);
        else if (option == 'n')
            only = optarg;
        else
            return 2;
    }
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
        printf("1..0 # SKIP needs root for namespaces\n");
        return 0;
    }
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    printf("1..%d\n", TESTS + 1);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        status = init_run(only);
        fflush(stdout);
        _exit(status);
    }
    waitpid(pid, &status, 0);
    return status != 0;
}
