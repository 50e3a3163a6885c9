/* SPDX-License-Identifier: BSD-3-Clause */
/* verdict.c - from what happened to the ranks to one exit status and its explanation.
 *
 * The first failure that bpmaster saw decides; with no_kill the lowest failing rank. What a rank
 * does after we began to end the job does not count. MPI_Abort's status goes before the wait status
 * of the rank that called it, whichever is heard first. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/mem.h"
#include "proto/space_record.h"
#include "tools/verdict.h"

void verdict_init(struct verdict *verdict, size_t ranks, int no_kill)
{
    *verdict = (struct verdict){.count = ranks, .no_kill = no_kill, .by_rank = -1};
    verdict->ranks = bp_calloc(ranks, sizeof *verdict->ranks);
}

void verdict_done(struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++)
        free(verdict->ranks[i].cpus);
    free(verdict->ranks);
    verdict->ranks = NULL;
}

int verdict_shell_status(int32_t wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

static int failed_shell_status(const struct verdict_rank *rank)
{
    return WEXITSTATUS(rank->status);
}

static void describe(struct verdict *verdict, uint32_t number, const char *node, const char *what)
{
    const struct verdict_rank *rank = &verdict->ranks[number];
    char where[96];
    snprintf(where, sizeof where, "rank %u on %s", number, node);
    if (rank->failed && rank->step == BP_STEP_CHDIR)
        snprintf(verdict->text, sizeof verdict->text,
                 "%s: working directory %.200s: %s (is it on that node?)", where, what,
                 strerror(rank->error));
    else if (rank->failed && rank->step == BP_STEP_IMAGE)
        snprintf(verdict->text, sizeof verdict->text,
                 "%s: it cannot be started from its image: %.300s", where, what);
    else if (rank->failed && rank->step == BP_STEP_EXEC && rank->error == EAGAIN)
        snprintf(verdict->text, sizeof verdict->text,
                 "%s: %.200s: the user has too many processes there (ulimit -u)", where, what);
    else if (rank->failed)
        snprintf(verdict->text, sizeof verdict->text, "%s: %.200s: %s", where, what,
                 strerror(rank->error));
    else if (verdict->unread && WIFSIGNALED(rank->status) && WTERMSIG(rank->status) == SIGPIPE)
        verdict->text[0] = '\0';
    else if (WIFSIGNALED(rank->status))
        snprintf(verdict->text, sizeof verdict->text, "%s (PID %d) was killed by signal %d (%s)",
                 where, rank->pid, WTERMSIG(rank->status), strsignal(WTERMSIG(rank->status)));
    else
        snprintf(verdict->text, sizeof verdict->text, "%s (PID %d) exited with status %d", where,
                 rank->pid, WEXITSTATUS(rank->status));
}

/* A rank has ended badly, or not at all begun. */
static int rank_failed(struct verdict *verdict, uint32_t number, const char *node,
                       const char *what)
{
    struct verdict_rank *rank = &verdict->ranks[number];
    int status = rank->failed ? failed_shell_status(rank) : verdict_shell_status(rank->status);
    if (verdict->teardown)
        return 0;
    if (verdict->no_kill) {
        if (verdict->by_rank < 0 || number < verdict->by_rank) {
            verdict->by_rank = number;
            verdict->status = status;
            describe(verdict, number, node, what);
        }
        return 0;
    }
    verdict->by_rank = number;
    verdict->status = status;
    verdict->decided = verdict->teardown = 1;
    describe(verdict, number, node, what);
    return 1;
}

static int failed_status(const Bpmix__JobEvent *event)
{
    if (event->step != BP_STEP_EXEC)
        return 125 << 8;
    return (event->status == 2 || event->status == 20 ? 127 : 126) << 8; /* ENOENT, ENOTDIR */
}

static int aborted(struct verdict *verdict, const Bpmix__JobEvent *event, const char *node)
{
    int status = event->status & 0xff;
    int by_itself = verdict->teardown && verdict->by_rank == (int64_t)event->rank;
    if (verdict->teardown && !by_itself)
        return 0;
    verdict->by_rank = event->rank;
    verdict->status = status != 0 ? status : 1;
    verdict->decided = verdict->teardown = 1;
    snprintf(verdict->text, sizeof verdict->text,
             "rank %u on %s called abort with status %d%s%.150s", event->rank, node, event->status,
             event->text[0] != '\0' ? ": " : "", event->text);
    return !by_itself;
}

static int lost(struct verdict *verdict, const Bpmix__JobEvent *event, const char *node)
{
    const char *what = "the job's processes are lost";
    char text[320];
    switch (event->kind) {
    case BPMIX__JOB_EVENT__KIND__NODE_LOST:
        what = "the node is lost";
        break;
    case BPMIX__JOB_EVENT__KIND__HERDER_LOST:
        what = "the herder of the ghosts is lost";
        node = "master";
        break;
    default:
        break;
    }
    if (verdict->teardown)
        return 0;
    snprintf(text, sizeof text, "%s: %s: %.200s", node, what, event->text);
    if (verdict->no_kill && event->kind != BPMIX__JOB_EVENT__KIND__HERDER_LOST) {
        snprintf(verdict->text, sizeof verdict->text, "%s", text);
        return 0;
    }
    verdict_end(verdict, 128 + 9, text);
    return 1;
}

static void keep_cpus(struct verdict_rank *rank, const Bpmix__JobEvent *event)
{
    free(rank->cpus);
    rank->cpus = bp_memdup(event->cpus.data, event->cpus.len);
    rank->cpu_bytes = event->cpus.len;
}

int verdict_event(struct verdict *verdict, const Bpmix__JobEvent *event, const char *node)
{
    struct verdict_rank *rank = &verdict->ranks[event->rank];
    switch (event->kind) {
    case BPMIX__JOB_EVENT__KIND__CREATED:
        keep_cpus(rank, event);
        rank->created = 1;
        rank->node = event->node;
        rank->pid = event->pid;
        return 0;
    case BPMIX__JOB_EVENT__KIND__INIT:
        rank->connected = 1;
        return 0;
    case BPMIX__JOB_EVENT__KIND__EXIT:
        rank->ended = 1;
        rank->node = event->node;
        rank->pid = event->pid;
        rank->status = event->status;
        rank->cpu_us = event->cpu_us;
        rank->maxrss_kib = event->maxrss_kib;
        return event->status != 0 ? rank_failed(verdict, event->rank, node, "") : 0;
    case BPMIX__JOB_EVENT__KIND__FAILED:
        rank->ended = rank->failed = 1;
        rank->node = event->node;
        rank->pid = event->pid;
        rank->error = event->status;
        rank->step = event->step;
        rank->status = failed_status(event);
        return rank_failed(verdict, event->rank, node, event->text);
    case BPMIX__JOB_EVENT__KIND__ABORT:
        return aborted(verdict, event, node);
    case BPMIX__JOB_EVENT__KIND__NODE_LOST:
    case BPMIX__JOB_EVENT__KIND__HERDER_LOST:
    case BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST:
    case BPMIX__JOB_EVENT__KIND__SPACE_LOST:
        return lost(verdict, event, node);
    default:
        return 0;
    }
}

void verdict_end(struct verdict *verdict, int status, const char *text)
{
    if (!verdict->decided) {
        verdict->decided = 1;
        verdict->status = status;
        verdict->by_rank = -2;
        snprintf(verdict->text, sizeof verdict->text, "%s", text);
    }
    verdict->teardown = 1;
}

int verdict_status(const struct verdict *verdict)
{
    return verdict->status;
}
