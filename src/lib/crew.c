/* SPDX-License-Identifier: BSD-3-Clause */
/* crew.c - the processes of one call of libbproc: keeper, map, ghosts, and what became of them. */
#include <errno.h>
#include <poll.h>
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
    int keeper, asked; /* descriptors, or -1; asked: until there is the answer */
    int answer;        /* 0, and there are launch and herds; or a negative errno, and why */
    struct bp_error why;
    struct bp_launch launch;
    struct bp_local_message herds;
    bool begun; /* the ghosts are being made */
    struct bp_herd_making making;
    bool is_quiet;
    struct bp_quiet quiet;
    int *codes;     /* by rank: 0 = not known yet */
    int32_t pids[]; /* by rank: its ghost */
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
    crew->keeper = crew->asked = crew->launch.fd = -1;
    crew->answer = -ENODATA;
    bp_quiet_begin(&crew->quiet);
    crew->is_quiet = true;
    int r = ask(crew, err);
    if (r < 0)
        bp_crew_free(crew);
    else
        *ret_crew = crew;
    return r;
}

static void take_answer(struct bp_crew *crew)
{
    crew->answer = bp_launch_answer(bp_take_fd(crew->asked), NULL, NULL, &crew->launch,
                                    &crew->herds, &crew->why);
}

void bp_crew_begin(void *arg)
{
    struct bp_crew *crew = arg;
    struct pollfd fds = {.fd = crew->asked, .events = POLLIN};
    if (poll(&fds, 1, 0) != 1)
        return;
    take_answer(crew);
    if (crew->answer < 0 || crew->herds.fd_count != 1)
        return;
    crew->answer = bp_launch_begin(&crew->launch, crew->order->argv, &crew->herds, &crew->making,
                                   &crew->why);
    crew->begun = crew->answer == 0;
    if (!crew->begun)
        bp_launch_done(&crew->launch);
}

/* ---- taking it back ---- */

static void hush(struct bp_crew *crew)
{
    if (crew->is_quiet)
        bp_quiet_end(&crew->quiet);
    crew->is_quiet = false;
}

/* When nobody wants the job any more its ghosts end. */
static void take_back(struct bp_crew *crew)
{
    struct bp_error err;
    bool is_there = crew->answer == 0;
    bool has_ghosts = crew->begun && bp_herd_end(&crew->making, crew->pids, &err) == 0;
    if (crew->keeper >= 0)
        close(bp_take_fd(crew->keeper));
    if (crew->asked >= 0)
        close(bp_take_fd(crew->asked));
    if (is_there && !crew->begun)
        bp_local_done(&crew->herds);
    if (is_there)
        bp_launch_done(&crew->launch);
    for (int rank = 0; has_ghosts && rank < crew->order->count; rank++)
        while (waitpid(crew->pids[rank], NULL, 0) < 0 && errno == EINTR)
            ;
    crew->begun = false;
    crew->answer = -ECANCELED;
}

void bp_crew_free(struct bp_crew *crew)
{
    if (crew == NULL)
        return;
    take_back(crew);
    hush(crew);
    free(crew);
}

void bp_crew_leave(struct bp_crew *crew)
{
    hush(crew);
    free(crew);
}

/* ---- making them ---- */

/* As a guest of a job that cannot be used any more, if that is what it is; once more then. */
static int settle_answer(struct bp_crew *crew, struct bp_error *err)
{
    if (crew->asked >= 0)
        take_answer(crew);
    if (crew->answer == -ESTALE && crew->kind == BP_KEEPER_GUEST) {
        bp_keeper_refuse(bp_take_fd(crew->keeper));
        crew->answer = ask_host(crew, &crew->why);
        if (crew->answer == 0)
            take_answer(crew);
    }
    if (crew->answer < 0)
        *err = crew->why;
    return crew->answer;
}

/* The keeper sends the image while the ghosts are made. */
static int make(struct bp_crew *crew, const struct bp_image *image, struct bp_error *err)
{
    int r = settle_answer(crew, err);
    if (r == 0)
        r = bp_keeper_give(crew->keeper, crew->kind, &crew->launch, image, err);
    if (r < 0)
        return r;
    if (crew->begun)
        r = bp_herd_end(&crew->making, crew->pids, err);
    else
        r = bp_launch_children(&crew->launch, crew->order->argv, &crew->herds, crew->pids, err);
    crew->answer = -EALREADY;
    crew->begun = false;
    bp_launch_done(&crew->launch); /* the keeper's alone: its death must end the job */
    if (r == 0)
        hear_all(crew);
    return r;
}

int bp_crew_make(struct bp_crew *crew, const struct bp_image *image, int *ret_codes,
                 struct bp_error *err)
{
    int count = crew->order->count;
    crew->codes = ret_codes;
    memset(ret_codes, 0, (size_t)count * sizeof *ret_codes);
    int r = make(crew, image, err);
    if (r < 0)
        take_back(crew);
    hush(crew);
    if (r == 0)
        bp_quiet_forget(&crew->quiet, ret_codes, count);
    return r;
}
