/* SPDX-License-Identifier: BSD-3-Clause */
/* space_watch.c - does anybody in the space wait to read a process's stdin? When to look, where. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "nodeagent/space_watch.h"

enum {
    FIRST_US = 2000,
    LAST_US = 20000,
    SHARE = 50, /* looking may cost one part in so many of a CPU's time */
};

static void set_timer(const struct bp_space_watch *watch, uint64_t us)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000},
    };
    timerfd_settime(watch->timer, 0, &when, NULL);
}

int bp_space_watch_arm(struct bp_space_watch *watch, uint64_t serial, uint64_t inode)
{
    unsigned i = 0;
    while (i < watch->count && watch->watched[i].serial != serial)
        i++;
    if (i == BP_SPACE_WATCHES_MAX)
        return -ENOSPC;
    if (i == watch->count)
        watch->count++;
    watch->watched[i] = (struct bp_space_watched){.serial = serial, .inode = inode};
    watch->interval_us = FIRST_US;
    watch->search_us = 0;
    set_timer(watch, 1);
    return 0;
}

/* Forget watched[i]. */
static void drop(struct bp_space_watch *watch, unsigned i)
{
    watch->watched[i] = watch->watched[--watch->count];
}

/* Look at all processes for those that have a watched pipe open. */
static void search(struct bp_space_watch *watch)
{
    struct bp_space_digits processes;
    if (bp_space_digits_open(&processes, "/proc") < 0)
        return;
    for (unsigned i = 0; i < watch->count; i++)
        watch->watched[i].holders = 0;
    int pid;
    while (bp_space_digits_next(&processes, &pid))
        for (unsigned i = 0; i < watch->count && pid != 1; i++) {
            struct bp_space_watched *watched = &watch->watched[i];
            if (watched->holders < BP_SPACE_HOLDERS_MAX && bp_space_holds(pid, watched->inode))
                watched->pids[watched->holders++] = pid;
        }
    close(processes.fd);
}

static int is_wanted(const struct bp_space_watched *watched)
{
    for (unsigned i = 0; i < watched->holders; i++)
        if (bp_space_blocked_on(watched->pids[i], watched->inode))
            return 1;
    return 0;
}

/* Say what is wanted, and forget what nobody can want any more. */
static void look(struct bp_space_watch *watch)
{
    for (unsigned i = watch->count; i-- > 0;) {
        const struct bp_space_watched *watched = &watch->watched[i];
        if (is_wanted(watched)) {
            struct bp_space_record record = {
                .type = BP_SPACE_STDIN_WANTED,
                .serial = watched->serial,
            };
            bp_space_up_send(watch->processes->up, &record, NULL);
            drop(watch, i);
        } else if (watched->holders == 0 &&
                   bp_space_process_by_serial(watch->processes, watched->serial) == NULL) {
            drop(watch, i);
        }
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void bp_space_watch_tick(struct bp_space_watch *watch)
{
    uint64_t expirations;
    if (read(watch->timer, &expirations, sizeof expirations) < 0)
        return;
    uint64_t start = bp_clock_us();
    uint64_t searched = start;
    if (start >= watch->search_us) {
        search(watch);
        searched = bp_clock_us();
        watch->search_us = searched + larger(LAST_US, SHARE * (searched - start));
    }
    look(watch);
    uint64_t cost = bp_clock_us() - searched;
    uint64_t longer = watch->interval_us + watch->interval_us / 4;
    if (watch->count > 0)
        set_timer(watch, larger(watch->interval_us, SHARE * cost));
    watch->interval_us = longer < LAST_US ? longer : LAST_US;
}
