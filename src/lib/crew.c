/* SPDX-License-Identifier: BSD-3-Clause */
/* crew.c - the processes of one call of libbproc: keeper, map, ghosts, and what became of them. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/crew.h"
#include "lib/keeper.h"
#include "lib/node.h"
#include "lib/public.h"
#include "lib/quiet.h"

struct crew {
    const struct bp_order *order;
    int32_t *pids; /* by rank: its ghost */
    int *codes;    /* by rank: 0 = not known yet */
    int keeper;
};

/* ---- where processes may go ---- */

static int check_row(const Bpmix__Node *row, const uint32_t *cpu)
{
    if (strcmp(row->state, "up") != 0)
        return -BE_NODEDOWN;
    if (cpu != NULL && !bp_public_cpu_fits(row, cpu))
        return -ENOTSUP;
    return bproc_access(row->number, BPROC_X_OK) < 0 ? -errno : 0;
}

int bp_crew_check(const int *nodes, int count, const uint32_t *cpu, int *ret_codes)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__NodeList *list = bp_node_list(&err);
    if (list == NULL)
        return err.code;
    auto_free int *known = calloc(list->n_nodes + 1, sizeof *known); /* 1: not asked yet */
    for (size_t k = 0; known != NULL && k < list->n_nodes; k++)
        known[k] = 1;
    for (int i = 0; known != NULL && i < count; i++) {
        size_t k = 0;
        while (k < list->n_nodes && list->nodes[k]->number != nodes[i])
            k++;
        if (k < list->n_nodes && known[k] == 1)
            known[k] = check_row(list->nodes[k], cpu);
        ret_codes[i] = k < list->n_nodes ? known[k] : -BE_INVALIDNODE;
        if (nodes[i] == BPROC_NODE_MASTER) /* nothing there makes processes for a node */
            ret_codes[i] = -EOPNOTSUPP;
    }
    return known != NULL ? 0 : -ENOMEM;
}

/* ---- what became of them ---- */

/* What could not be made leaves a ghost that has ended or soon will. */
static void settle(struct crew *crew, int rank, int code)
{
    if (code < 0)
        while (waitpid(crew->pids[rank], NULL, 0) < 0 && errno == EINTR)
            ;
    crew->codes[rank] = code < 0 ? code : crew->pids[rank];
}

static void settle_rest(struct crew *crew, int code)
{
    for (int rank = 0; rank < crew->order->count; rank++)
        if (crew->codes[rank] == 0)
            settle(crew, rank, code);
}

static void hear_all(struct crew *crew)
{
    struct bp_keeper_news news;
    int told = 0, rest = -ECONNABORTED, count = crew->order->count;
    while (told < count && bp_keeper_hear(crew->keeper, &news) > 0) {
        if (news.rank == UINT32_MAX && news.code < 0)
            rest = news.code;
        if (news.rank >= (uint32_t)count || crew->codes[news.rank] != 0)
            continue;
        settle(crew, (int)news.rank, news.code);
        told++;
    }
    /* Should the keeper have been killed: that ends the job. */
    close(bp_take_fd(crew->keeper));
    settle_rest(crew, rest);
}

/* ---- making them ---- */

/* The keeper sends the image while the ghosts are made. */
static int give(struct crew *crew, enum bp_keeper_kind kind, struct bp_launch *launch,
                struct bp_local_message *take_herds, struct bp_error *err)
{
    const struct bp_order *order = crew->order;
    int r = bp_keeper_give(crew->keeper, kind, launch, order->image, err);
    if (r < 0) {
        bp_local_done(take_herds);
        return r;
    }
    r = bp_launch_children(launch, order->argv, take_herds, crew->pids, err);
    if (r == 0)
        hear_all(crew);
    return r;
}

/* As a guest of the job that this process has. -ESTALE: it has none that can be used. */
static int make_inside(struct crew *crew, struct bp_launch *ret_launch,
                       struct bp_local_message *ret_herds, struct bp_error *err)
{
    struct bp_order order = *crew->order;
    crew->keeper = bp_keeper_find(&order.inside);
    if (crew->keeper < 0)
        return -ESTALE;
    int r = bp_order_open(&order, ret_launch, ret_herds, err);
    if (r == -ESTALE)
        bp_keeper_refuse(bp_take_fd(crew->keeper));
    return r;
}

static int make(struct crew *crew, struct bp_error *err)
{
    enum bp_keeper_kind kind = BP_KEEPER_GUEST;
    struct bp_order order = *crew->order;
    struct bp_launch launch;
    struct bp_local_message herds;
    bool on_master = bproc_currnode() == BPROC_NODE_MASTER;
    int r = on_master ? make_inside(crew, &launch, &herds, err) : -ESTALE;
    if (r == -ESTALE) {
        kind = on_master ? BP_KEEPER_HOST : BP_KEEPER_ALONE;
        order.lasting = on_master;
        crew->keeper = bp_keeper_start(err);
        r = crew->keeper < 0 ? crew->keeper : bp_order_open(&order, &launch, &herds, err);
    }
    if (r < 0)
        return r;
    r = give(crew, kind, &launch, &herds, err);
    bp_launch_done(&launch);
    return r;
}

int bp_crew_make(const struct bp_order *order, int *ret_codes, struct bp_error *err)
{
    auto_free int32_t *pids = calloc((size_t)order->count, sizeof *pids);
    struct crew crew = {.order = order, .pids = pids, .codes = ret_codes, .keeper = -1};
    struct bp_quiet quiet;
    if (pids == NULL)
        return bp_error_set(err, -ENOMEM, "no memory");
    memset(ret_codes, 0, (size_t)order->count * sizeof *ret_codes);
    bp_quiet_begin(&quiet);
    int r = make(&crew, err);
    if (crew.keeper >= 0)
        close(crew.keeper);
    bp_quiet_end(&quiet);
    if (r == 0)
        bp_quiet_forget(&quiet, ret_codes, order->count);
    return r;
}
