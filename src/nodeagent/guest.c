/* SPDX-License-Identifier: BSD-3-Clause */
/* guest.c - jobs in the space of another one: their processes are made by its bpspace, what these
 * write goes over its data connection. A guest's end leaves the space alone. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

#define NUMBER_SHIFT 32 /* bpspace's numbers of processes: the guest's above, its own below */

struct space *guest_host(struct space *space)
{
    return space->host != NULL ? space->host : space;
}

void guest_each(struct space *host, void (*act)(struct space *space))
{
    struct space *space, *next;
    HASH_ITER(hh, host->agent->spaces, space, next)
        if (space->host == host)
            act(space);
    act(host);
}

uint64_t guest_serial(const struct space *space, uint64_t serial)
{
    return serial != 0 ? (uint64_t)space->number << NUMBER_SHIFT | serial : 0;
}

struct space *guest_of_serial(struct space *host, uint64_t *serial)
{
    struct space *space, *next;
    uint32_t number = (uint32_t)(*serial >> NUMBER_SHIFT);
    if (number == 0)
        return host;
    *serial &= (UINT64_C(1) << NUMBER_SHIFT) - 1;
    HASH_ITER(hh, host->agent->spaces, space, next)
        if (space->host == host && space->number == number)
            return space;
    return NULL;
}

/* What it is called on the data connection. */
static uint32_t name(const struct space *space)
{
    return space->open->carried != 0 ? space->open->carried : space->open->first;
}

struct space *guest_by_number(struct space *host, uint32_t number)
{
    struct space *space, *next;
    HASH_ITER(hh, host->agent->spaces, space, next)
        if (space->host == host && name(space) == number)
            return space;
    return NULL;
}

/* Before we know of a guest its image would be nobody's. */
static void want_image(struct space *guest)
{
    static const uint64_t from = 0;
    if (guest->host != NULL && image_is_due(guest))
        data_send_stay(guest, BP_STREAM_WANT, name(guest), &from, sizeof from);
}

void guest_connected(struct space *host)
{
    guest_each(host, want_image);
}

int guest_init(struct space *guest, struct bp_error *err)
{
    struct space *host = space_find(guest->agent, guest->open->inside);
    if (host == NULL || host->host != NULL || host->state >= SPACE_CLOSING || guest->open->mpi ||
        host->last_guest == UINT32_MAX)
        return bp_error_set(err, -ESRCH, "the space that the job was to be in has ended");
    guest->host = host;
    guest->number = ++host->last_guest;
    guest->state = host->state;
    if (host->stream_done)
        image_lost(guest);
    else
        want_image(guest);
    return 0;
}

static void be_ready(struct space *space)
{
    if (space->state != SPACE_SETUP)
        return;
    space->state = SPACE_READY;
    space_go(space);
}

void guest_ready(struct space *host)
{
    guest_each(host, be_ready);
}

int guest_settle(struct space *space)
{
    struct space *host = guest_host(space);
    if (host->settings == space->number)
        return 0;
    host->settings = space->number;
    return space_send_setup(space, BP_SPACE_SETTINGS);
}

static void dead(struct space *guest)
{
    struct rank *rank, *next;
    guest->state = SPACE_DEAD;
    HASH_ITER(hh, guest->ranks, rank, next)
        stdio_finish(rank);
    space_check_end(guest);
}

void guest_check(struct space *guest)
{
    struct rank *rank, *next;
    if (guest->host == NULL || guest->state != SPACE_CLOSING)
        return;
    HASH_ITER(hh, guest->ranks, rank, next)
        if (!rank->exited)
            return;
    dead(guest);
}

void guest_close(struct space *guest)
{
    struct bp_space_record kill = {.type = BP_SPACE_SIGNAL, .signo = SIGKILL};
    struct rank *rank, *next;
    bp_unpack_free(bp_take_ptr(guest->waiting));
    HASH_ITER(hh, guest->ranks, rank, next) {
        kill.serial = rank->serial;
        if (!rank->exited)
            space_send_record(guest, &kill, NULL, NULL, 0);
    }
    guest_check(guest);
}

static void die_with_host(struct space *guest)
{
    struct space *host = guest->host;
    if (host == NULL || guest->state == SPACE_DEAD)
        return;
    if (guest->state < SPACE_CLOSING) {
        guest->cause = host->cause;
        memcpy(guest->text, host->text, sizeof guest->text);
    }
    dead(guest);
}

void guest_host_dead(struct space *host)
{
    guest_each(host, die_with_host);
}
