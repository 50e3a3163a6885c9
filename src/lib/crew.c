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

struct bp_crew {
    const struct bp_order *order;
    enum bp_keeper_kind kind;
    bool on_master;
    int keeper, asked; /* descriptors, or -1 */
    int *codes;        /* by rank: 0 = not known yet */
    int32_t pids[];    /* by rank: its ghost */
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
        ret_codes[i] = k < list->n_nodes || nodes[i] == BPROC_NODE_MASTER ? known[k]
                                                                          : -BE_INVALIDNODE;
    }
    return known != NULL ? 0 : -ENOMEM;
}

/* ---- what became of them ---- */

/* What could not be made leaves a ghost that has ended or soon will. */
static void settle(struct bp_crew *crew, int rank, int code)
{
    if (code < 0)
        while (waitpid(crew->pids[rank], NULL, 0) < 0 && errno == EINTR)
            ;
    crew->codes[rank] = code < 0 ? code : crew->pids[rank];
}

static void settle_rest(struct bp_crew *crew, int code)
{
    for (int rank = 0; rank < crew->order->count; rank++)
        if (crew->codes[rank] == 0)
            settle(crew, rank, code);
}

static void hear_all(struct bp_crew *crew)
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

/* ---- asking ---- */

static int ask_host(struct bp_crew *crew, struct bp_error *err)
{
    struct bp_order order = *crew->order;
    order.lasting = crew->on_master;
    crew->kind = crew->on_master   ? BP_KEEPER_HOST
                 : order.go_home ? BP_KEEPER_GOES_HOME
                                 : BP_KEEPER_ALONE;
    crew->keeper = bp_keeper_start(err);
    crew->asked = crew->keeper < 0 ? crew->keeper : bp_order_ask(&order, err);
    return crew->asked < 0 ? crew->asked : 0;
}

/* As a guest of the job that this process has, if it has one. */
static int ask(struct bp_crew *crew, struct bp_error *err)
{
    struct bp_order order = *crew->order;
    crew->on_master = bproc_currnode() == BPROC_NODE_MASTER;
    crew->keeper = crew->on_master ? bp_keeper_find(&order.inside) : -ENOENT;
    if (crew->keeper < 0)
        return ask_host(crew, err);
    crew->kind = BP_KEEPER_GUEST;
    crew->asked = bp_order_ask(&order, err);
    return crew->asked < 0 ? crew->asked : 0;
}

int bp_crew_ask(const struct bp_order *order, struct bp_crew **ret_crew, struct bp_error *err)
{
    struct bp_crew *crew = calloc(1, sizeof *crew + (size_t)order->count * sizeof *crew->pids);
    if (crew == NULL)
        return bp_error_set(err, -ENOMEM, "no memory");
    crew->order = order;
    crew->keeper = crew->asked = -1;
    int r = ask(crew, err);
    if (r < 0)
        bp_crew_free(crew);
    else
        *ret_crew = crew;
    return r;
}

void bp_crew_free(struct bp_crew *crew)
{
    if (crew != NULL && crew->keeper >= 0)
        close(crew->keeper);
    if (crew != NULL && crew->asked >= 0)
        close(crew->asked);
    free(crew);
}

/* ---- making them ---- */

static int take_answer(struct bp_crew *crew, struct bp_launch *ret_launch,
                       struct bp_local_message *ret_herds, struct bp_error *err)
{
    return bp_launch_answer(bp_take_fd(crew->asked), NULL, NULL, ret_launch, ret_herds, err);
}

/* The keeper sends the image while the ghosts are made. */
static int give(struct bp_crew *crew, struct bp_launch *launch,
                struct bp_local_message *take_herds, const struct bp_image *image,
                struct bp_error *err)
{
    int r = bp_keeper_give(crew->keeper, crew->kind, launch, image, err);
    if (r < 0) {
        bp_local_done(take_herds);
        return r;
    }
    r = bp_launch_children(launch, crew->order->argv, take_herds, crew->pids, err);
    if (r == 0)
        hear_all(crew);
    return r;
}

static int make(struct bp_crew *crew, const struct bp_image *image, struct bp_error *err)
{
    struct bp_launch launch;
    struct bp_local_message herds;
    int r = take_answer(crew, &launch, &herds, err);
    if (r == -ESTALE && crew->kind == BP_KEEPER_GUEST) { /* that one cannot be used any more */
        bp_keeper_refuse(bp_take_fd(crew->keeper));
        r = ask_host(crew, err);
        if (r == 0)
            r = take_answer(crew, &launch, &herds, err);
    }
    if (r < 0)
        return r;
    r = give(crew, &launch, &herds, image, err);
    bp_launch_done(&launch);
    return r;
}

int bp_crew_make(struct bp_crew *crew, const struct bp_image *image, int *ret_codes,
                 struct bp_error *err)
{
    int count = crew->order->count;
    struct bp_quiet quiet;
    crew->codes = ret_codes;
    memset(ret_codes, 0, (size_t)count * sizeof *ret_codes);
    bp_quiet_begin(&quiet);
    int r = make(crew, image, err);
    bp_quiet_end(&quiet);
    if (r == 0)
        bp_quiet_forget(&quiet, ret_codes, count);
    return r;
}
