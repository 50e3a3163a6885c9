/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost_herd.c - plays launcher and bpmaster for one herd. */
#include "ghost_herd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static void start(struct herd *herd, const struct bp_ghost_setup *setup, size_t setup_size,
                  const int *gate)
{
    int pair[2];
    sigset_t all, before;

    memset(herd, 0, sizeof(*herd));
    herd->count = setup->count;
    herd->pids_fd = memfd_create("setup", MFD_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
        write(herd->pids_fd, setup, setup_size) != (ssize_t)setup_size ||
        lseek(herd->pids_fd, 0, SEEK_SET) < 0)
        _exit(99);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    herd->maker = fork();
    if (herd->maker == 0) {
        char none;

        if (gate) {
            close(gate[1]);
            (void)!read(gate[0], &none, 1);
        }
        int link = fcntl(pair[1], F_DUPFD, 10);
        int fd = fcntl(herd->pids_fd, F_DUPFD, 10);

        dup2(link, 3);
        dup2(fd, 4);
        execl(BPGHOST, "the-job", "with", "words", NULL);
        _exit(127);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    herd->link = pair[0];
}

void herd_start(struct herd *herd, const struct bp_ghost_setup *setup, size_t setup_size)
{
    start(herd, setup, setup_size, NULL);
}

void herd_start_gated(struct herd *herd, const struct bp_ghost_setup *setup)
{
    int gate[2];

    if (pipe2(gate, O_CLOEXEC) < 0)
        _exit(99);
    start(herd, setup, sizeof(*setup), gate);
    close(gate[0]);
    herd->gate = gate[1];
}

int herd_next(struct herd *herd, struct bp_ghost_record *record)
{
    struct pollfd watch = {herd->link, POLLIN, 0};
    ssize_t n;

    if (herd->batch_first == herd->batch_count) {
        if (poll(&watch, 1, PATIENCE_MS) != 1)
            return -1;
        n = recv(herd->link, herd->batch, sizeof(herd->batch), 0);
        if (n <= 0)
            return 0;
        herd->batch_first = 0;
        herd->batch_count = (uint32_t)n / sizeof(*record);
    }
    *record = herd->batch[herd->batch_first++];
    if (record->slot < BP_GHOST_SLOTS && record->type == BP_GHOST_BORN)
        herd->continues[record->slot] = 0;
    if (record->slot < BP_GHOST_SLOTS && record->type == BP_GHOST_SIGNAL)
        herd->continues[record->slot] += record->signo == SIGCONT;
    return 1;
}

int herd_await(struct herd *herd, struct bp_ghost_record *last)
{
    int type = 0;

    while (type != BP_GHOST_HERDING && type != BP_GHOST_FAILED && herd_next(herd, last) == 1) {
        type = (int)last->type;
        if (type == BP_GHOST_BORN) {
            herd->pids[last->slot] = last->pid;
            herd->born++;
        } else if (type == BP_GHOST_GONE) {
            herd->born_status[last->slot] = last->status;
            herd->stillborn += herd->pids[last->slot] == 0;
        } else if (type == BP_GHOST_SIGNAL && herd->early_count < 4 * BP_GHOST_MAX) {
            herd->early[herd->early_count++] = *last;
        } else if (type == BP_GHOST_HERDING) {
            herd->herder = last->pid;
        }
    }
    herd->maker_status = -1;
    waitpid(herd->maker, &herd->maker_status, 0);
    return type == BP_GHOST_HERDING || type == BP_GHOST_FAILED ? type : 0;
}

bool herd_make(struct herd *herd, uint32_t count, uint32_t lease_ms)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = count, .lease_ms = lease_ms, .comm = "solver"};
    struct bp_ghost_record last;

    herd_start(herd, &setup, sizeof(setup));
    return herd_await(herd, &last) == BP_GHOST_HERDING && herd->maker_status == 0 &&
           herd->born == count;
}

void herd_send(struct herd *herd, const struct bp_ghost_record *record)
{
    if (send(herd->link, record, sizeof(*record), MSG_NOSIGNAL) < 0)
        printf("# send: %m\n");
}

void herd_exit(struct herd *herd, uint32_t slot, int status)
{
    struct bp_ghost_record record = {.type = BP_GHOST_EXIT, .slot = slot, .status = status};

    herd_send(herd, &record);
}

int herd_sync(struct herd *herd, struct bp_ghost_record *seen, int room)
{
    static uint64_t number = 1000;
    struct bp_ghost_record record = {.type = BP_GHOST_PING, .value = ++number};
    int count = 0;

    herd_send(herd, &record);
    while (herd_next(herd, &record) == 1) {
        if (record.type == BP_GHOST_PONG && record.value == number)
            return count;
        if (count < room)
            seen[count++] = record;
    }
    return -1;
}

bool pid_ended(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd watch = {fd, POLLIN, 0};
    bool ended;

    if (fd < 0)
        return true;
    ended = poll(&watch, 1, PATIENCE_MS) == 1;
    close(fd);
    return ended;
}

char pid_state(pid_t pid)
{
    char path[64], text[512] = "";
    const char *after;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return '-';
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    after = strrchr(text, ')');
    return after ? after[2] : '-';
}

bool herd_finish(struct herd *herd)
{
    struct bp_ghost_record record;
    bool good = true;
    int r;

    for (uint32_t slot = 0; slot < herd->count; slot++) {
        if (herd->pids[slot])
            herd_exit(herd, slot, 0);
    }
    for (uint32_t slot = 0; slot < herd->count; slot++) {
        int status = -1;

        if (!herd->pids[slot])
            continue;
        if (waitpid(herd->pids[slot], &status, 0) != herd->pids[slot] ||
            (status != 0 && status != SIGKILL)) {
            printf("# slot %u: status 0x%x\n", slot, status);
            good = false;
        }
    }
    while ((r = herd_next(herd, &record)) == 1)
        continue;
    if (r < 0)
        printf("# the link did not end\n");
    good = good && r == 0 && pid_ended(herd->herder);
    close(herd->link);
    close(herd->pids_fd);
    return good;
}
