/* SPDX-License-Identifier: BSD-3-Clause */
/* space_up.c - the way up to bpnode, and the ends of a space. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/log.h"
#include "nodeagent/space_link.h"
#include "nodeagent/space_up.h"

enum { LEASE_MS_MAX = 1000 * 1000 * 1000 };

_Noreturn void bp_space_up_lease_out(void)
{
    bp_log_error("the lease ran out, the space ends");
    _exit(BP_SPACE_EXIT_LEASE);
}

_Noreturn void bp_space_up_trouble(const char *what, int error)
{
    bp_log_error("the space ends: %s: %s", what, strerror(error < 0 ? -error : error));
    _exit(BP_SPACE_EXIT_TROUBLE);
}

/* Until bpnode reads again. */
static void wait_writable(const struct bp_space_up *up)
{
    struct pollfd fds[] = {
        {.fd = up->socket, .events = POLLOUT},
        {.fd = up->lease, .events = POLLIN},
    };
    if (poll(fds, 2, -1) > 0 && fds[1].revents != 0)
        bp_space_up_lease_out();
}

void bp_space_up_send(const struct bp_space_up *up, const struct bp_space_record *record,
                      const void *payload)
{
    int r;
    while ((r = bp_space_send(up->socket, record, payload, NULL, 0)) == -EAGAIN)
        wait_writable(up);
    if (r < 0)
        _exit(BP_SPACE_EXIT_CLOSED);
}

void bp_space_up_fail(const struct bp_space_up *up, uint64_t serial, int error,
                      enum bp_space_step step, const char *why)
{
    struct bp_space_record record = {
        .type = BP_SPACE_FAILED,
        .serial = serial,
        .status = error < 0 ? -error : error,
        .flags = step,
        .length = why != NULL ? (uint32_t)strlen(why) : 0,
    };
    bp_space_up_send(up, &record, why);
}

void bp_space_up_lease(const struct bp_space_up *up, uint64_t ms)
{
    if (ms == 0)
        ms = 1; /* zero would disarm the timer */
    if (ms > LEASE_MS_MAX)
        ms = LEASE_MS_MAX;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
    };
    if (timerfd_settime(up->lease, 0, &when, NULL) < 0)
        bp_space_up_trouble("the lease timer", errno);
}
