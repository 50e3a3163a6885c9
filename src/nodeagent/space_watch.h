/* SPDX-License-Identifier: BSD-3-Clause */
/* space_watch.h - does anybody in the space wait to read a process's stdin? */
#ifndef BP_NODEAGENT_SPACE_WATCH_H
#define BP_NODEAGENT_SPACE_WATCH_H

#include "nodeagent/space_process.h"

#define BP_SPACE_WATCHES_MAX 16
#define BP_SPACE_HOLDERS_MAX 128

struct bp_space_watched {
    uint64_t serial;
    uint64_t inode; /* of the pipe */
    unsigned holders;
    pid_t pids[BP_SPACE_HOLDERS_MAX]; /* who had it open at the last look at all processes */
};

struct bp_space_watch {
    struct bp_space_processes *processes;
    int timer;            /* timerfd; armed only while something is watched */
    uint64_t interval_us; /* to the next look at the holders */
    uint64_t search_us;   /* when to look for holders again */
    unsigned count;
    struct bp_space_watched watched[BP_SPACE_WATCHES_MAX];
};

/* Start watching; a second call for one serial replaces the first. -ENOSPC = too many. */
int bp_space_watch_arm(struct bp_space_watch *watch, uint64_t serial, uint64_t inode);

/* The timer has fired: look, and say STDIN_WANTED once for whom it is so. */
void bp_space_watch_tick(struct bp_space_watch *watch);

/* Does any thread of pid wait to read the pipe? By read, poll, select or epoll. */
int bp_space_blocked_on(pid_t pid, uint64_t inode);

/* Does pid have the pipe open? */
int bp_space_holds(pid_t pid, uint64_t inode);

/* The next all-digit name of an open directory such as /proc; 0 = no more. */
struct bp_space_digits {
    int fd;
    int used, filled;
    _Alignas(8) char bytes[4096];
};
int bp_space_digits_open(struct bp_space_digits *digits, const char *path);
int bp_space_digits_next(struct bp_space_digits *digits, int *ret_number);

#endif
