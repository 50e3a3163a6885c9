/* SPDX-License-Identifier: BSD-3-Clause */
/* app_hosts.c - programs of one job that have nodes of their own. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "tools/app_hosts.h"

struct seat { /* a node of one program */
    char *node;
    uint32_t slots; /* 0 = not said */
    uint32_t most; /* 0 = any number of ranks */
    uint32_t ranks;
};

struct seats {
    struct seat *rows;
    size_t count;
};

static void seats_done(struct seats *seats)
{
    for (size_t i = 0; i < seats->count; i++)
        free(seats->rows[i].node);
    free(seats->rows);
}

static void add_seat(struct seats *seats, char *take_node, const struct host *host)
{
    seats->rows = bp_realloc(seats->rows, seats->count + 1, sizeof *seats->rows);
    seats->rows[seats->count++] = (struct seat){
        .node = take_node, .slots = host->slots > 0 ? host->slots : host->most, .most = host->most};
}

/* "n[0-3]" becomes its nodes; which nodes are up only bpmaster knows. */
static int split_host(struct seats *seats, const struct host *host, struct bp_error *err)
{
    struct bp_nodeset set;
    if (strncmp(host->node, "all", 3) == 0)
        return bp_error_set(err, -EINVAL, "%.64s: programs with hosts of their own need to name "
                            "them", host->node);
    if (bp_nodeset_parse(host->node, NULL, 0, &set, NULL) < 0) { /* a host's name */
        add_seat(seats, bp_strdup(host->node), host);
        return 0;
    }
    for (size_t i = 0; i < set.count; i++)
        add_seat(seats, bp_nodeset_format(&set.numbers[i], 1, "n"), host);
    bp_nodeset_done(&set);
    return 0;
}

/* How many ranks each node gets. */
static void count_ranks(struct seats *seats, uint32_t ranks)
{
    size_t open = 0; /* nodes without slots */
    for (size_t i = 0; i < seats->count; i++)
        open += seats->rows[i].slots == 0;
    while (ranks > 0) {
        for (size_t i = 0; i < seats->count && ranks > 0; i++) {
            struct seat *seat = &seats->rows[i];
            uint32_t more = seat->slots < ranks ? seat->slots : ranks;
            seat->ranks += more;
            ranks -= more;
        }
        for (size_t i = 0, left = open; i < seats->count && left > 0; i++) {
            if (seats->rows[i].slots > 0)
                continue;
            uint32_t more = (ranks + (uint32_t)left - 1) / (uint32_t)left;
            seats->rows[i].ranks += more;
            ranks -= more;
            left--;
        }
    }
}

static int deal_app(const struct app *app, struct hosts *hosts, struct bp_error *err)
{
    struct seats seats = {.count = 0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < app->hosts.count; i++)
        r = split_host(&seats, &app->hosts.rows[i], err);
    if (r == 0)
        count_ranks(&seats, app->ranks);
    for (size_t i = 0; r == 0 && i < seats.count; i++)
        if (seats.rows[i].most > 0 && seats.rows[i].ranks > seats.rows[i].most)
            r = bp_error_set(err, -ENOSPC, "%.64s: %u ranks of %.64s are more than max-slots=%u",
                             seats.rows[i].node, seats.rows[i].ranks, app->argv[0],
                             seats.rows[i].most);
    for (size_t i = 0; r == 0 && i < seats.count; i++)
        for (uint32_t k = 0; r == 0 && k < seats.rows[i].ranks; k++)
            r = hosts_add(hosts, seats.rows[i].node, 0, err);
    seats_done(&seats);
    return r;
}

int app_hosts_deal(const struct apps *apps, struct hosts *ret_hosts, struct bp_error *err)
{
    size_t with = 0;
    int r = 0;
    for (size_t i = 0; i < apps->count; i++)
        with += apps->rows[i].hosts.count > 0;
    if (with == 0 || (with == 1 && apps->rows[0].hosts.count > 0 && apps->count > 1))
        return 0;
    for (size_t i = 0; i < apps->count; i++)
        if (apps->rows[i].hosts.count == 0)
            return bp_error_set(err, -EINVAL, "program %zu (%.64s) has no --host, and others have",
                                i + 1, apps->rows[i].argv[0]);
    for (size_t i = 0; r == 0 && i < apps->count; i++)
        r = deal_app(&apps->rows[i], ret_hosts, err);
    if (r < 0) {
        hosts_done(ret_hosts);
        return r;
    }
    return 1;
}
