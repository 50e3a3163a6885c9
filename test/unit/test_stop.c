/* SPDX-License-Identifier: BSD-3-Clause */
/* test_stop.c - a process and its ghost are stopped both or not at all, in the end, and as the last
 * signal said: every interleaving of a small model. Its master is proc.c; its kernel, ghost, herder
 * and node are in words of one bit what life.c, ghost.c and space_process.c do. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "master/master.h"
#include "tap.h"

#define FIFO 12
#define SEEN (1u << 21) /* a power of two, more than any script has states */

struct message {
    uint8_t is_stop, number; /* number: as the record's or frame's */
};

struct fifo {
    uint8_t count;
    struct message messages[FIFO];
};

struct world { /* compared as bytes */
    uint8_t user_at, node_at, job_at; /* in their scripts */
    uint8_t told; /* the herder has had all that bpmaster had to say of the job's script */
    struct fifo pipe, up, orders;     /* ghost -> herder -> bpmaster -> herder */
    struct fifo signals, waits, news; /* bpmaster -> node; maker -> PID 1; node -> bpmaster */
    /* the ghost, its kernel, its herder */
    uint8_t ghost_stopped, stop_seen, trap, stop_waits, cont_waits, ordered, want, after;
    uint8_t continues, life_stopped, again, again_after, woken;
    uint8_t injected, stopping, trying;
    /* the process, its kernel, its node */
    uint8_t stopped, stop_pends, notice, had; /* notice: 1 = continued, 2 = stopped */
    /* bpmaster's struct proc */
    uint8_t state, heard, cont_sent, cont_had, last;
};

static struct {
    const char *user, *node, *job; /* S and C: to the ghost; on the node; to all of the job */
    int without;                   /* the rule */
    int in_turn;                   /* the ghost's come when the job's were told */
    unsigned ends, disagree, wrong;
    struct world *seen, *todo;
    uint8_t *used;
    unsigned todo_count;
} run;

static void put(struct fifo *fifo, int is_stop, int number)
{
    if (fifo->count == FIFO)
        abort();
    fifo->messages[fifo->count++] = (struct message){(uint8_t)is_stop, (uint8_t)number};
}

static struct message get(struct fifo *fifo)
{
    struct message first = fifo->messages[0];
    memmove(fifo->messages, fifo->messages + 1, sizeof fifo->messages - sizeof first);
    fifo->messages[FIFO - 1] = (struct message){0, 0};
    fifo->count--;
    return first;
}

/* ---- the kernel: a stop signal undoes a SIGCONT that waits, and the other way round ---- */

static void ghost_gets(struct world *w, char signal)
{
    w->stop_waits = signal == 'S';
    w->cont_waits = signal == 'C';
    if (signal == 'C' && w->ghost_stopped) {
        w->ghost_stopped = 0;
        w->trap = 1;
    }
    if (signal == 'C' && w->injected) { /* the stop is dropped, and tried again if still wanted */
        w->injected = 0;
        w->trying = 1;
    }
}

/* The herder's own SIGCONT is not told, but does as much. */
static void herder_continues(struct world *w)
{
    uint8_t waits = w->cont_waits;
    if (w->woken)
        return;
    w->woken = 1;
    ghost_gets(w, 'C');
    w->cont_waits = waits;
}

static void process_gets(struct world *w, char signal)
{
    w->stop_pends = signal == 'S';
    if (signal == 'C' && w->stopped) {
        w->stopped = 0;
        w->notice = 1;
    }
}

/* ---- bpmaster ---- */

static struct proc proc_of(const struct world *w)
{
    return (struct proc){.state = w->state, .cont_sent = w->cont_sent, .cont_had = w->cont_had};
}

static void happens(struct world *w, enum proc_event event)
{
    struct proc proc = proc_of(w);
    struct proc_step step = proc_step((enum proc_state)w->state, event);
    w->state = step.next;
    if (step.action == ACT_MIRROR && (event == PROC_CONT || run.without || !proc_goes_on(&proc)))
        put(&w->orders, event == PROC_STOP, w->heard);
}

static void sends(struct world *w, int is_stop)
{
    if (!is_stop)
        w->cont_sent = ++w->last;
    put(&w->signals, is_stop, is_stop ? 0 : w->last);
}

static void hears_ghost(struct world *w)
{
    struct message said = get(&w->up);
    w->heard += !said.is_stop;
    sends(w, said.is_stop);
    if (said.is_stop && w->state == PROC_STOPPED)
        happens(w, PROC_STOP);
}

static void hears_node(struct world *w)
{
    struct message said = get(&w->news);
    if (said.is_stop)
        w->cont_had = said.number;
    happens(w, said.is_stop ? PROC_STOP : PROC_CONT);
}

static void job_signal_all(struct world *w, char signal)
{
    if (signal == 'C' && w->state == PROC_STOPPED && !run.without)
        put(&w->orders, 0, 0);
    sends(w, signal == 'S');
}

/* ---- ghost and herder ---- */

static void ghost_brakes(struct world *w)
{
    int goes_on = w->cont_waits || (!run.without && w->continues != w->after);
    w->ordered = w->trying ? w->ordered : 0;
    if (goes_on)
        w->want = 0;
    w->injected = w->stopping = w->want;
    w->trying = w->woken = 0;
}

static void herder_sees_stop(struct world *w)
{
    w->stop_seen = w->stopping = 0;
    w->life_stopped = 1;
    if (!w->want)
        herder_continues(w);
}

static void herder_sees_trap(struct world *w)
{
    w->trap = w->life_stopped = w->woken = 0;
    if (w->again) {
        w->ordered = w->want = 1;
        w->after = w->again_after;
    }
    w->again = 0;
}

static void herder_hears(struct world *w)
{
    struct message order = get(&w->orders);
    if (order.is_stop && w->life_stopped) {
        w->again = 1;
        w->again_after = order.number;
    } else if (order.is_stop) {
        w->ordered = w->want = 1;
        w->after = order.number;
    } else {
        w->again = w->want = 0;
        if (w->life_stopped || w->stopping)
            herder_continues(w);
    }
}

/* ---- the node ---- */

static void node_hears(struct world *w)
{
    struct message signal = get(&w->signals);
    if (!signal.is_stop)
        w->had = signal.number;
    process_gets(w, signal.is_stop ? 'S' : 'C');
}

static void node_sees(struct world *w)
{
    struct message wait = get(&w->waits);
    if (!wait.is_stop || w->stopped)
        put(&w->news, wait.is_stop, wait.is_stop ? w->had : 0);
}

static void process_stops(struct world *w)
{
    w->stop_pends = 0;
    w->stopped = 1;
    w->notice = 2;
}

/* ---- what can happen next ---- */

/* 1 = step number `which` is possible, and done. */
static int step(struct world *w, int which)
{
    int ghost_runs = !w->ghost_stopped && !w->trap && !w->stop_seen && !w->injected;
    switch (which) {
    case 0:
        return run.user[w->user_at] && (w->told || !run.in_turn) ? ghost_gets(w, run.user[w->user_at++]), 1 : 0;
    case 1:
        return run.node[w->node_at] ? process_gets(w, run.node[w->node_at++]), 1 : 0;
    case 2:
        return run.job[w->job_at] ? job_signal_all(w, run.job[w->job_at++]), 1 : 0;
    case 3:
        return ghost_runs && w->stop_waits ? w->stop_waits = 0, put(&w->pipe, 1, 0), 1 : 0;
    case 4:
        return ghost_runs && w->cont_waits && !w->trying
                   ? w->cont_waits = 0, w->continues++, put(&w->pipe, 0, 0), 1 : 0;
    case 5:
        return ghost_runs && (w->ordered || w->trying) ? ghost_brakes(w), 1 : 0;
    case 6:
        return w->stop_seen ? herder_sees_stop(w), 1 : 0;
    case 7:
        return w->trap && !w->stop_seen ? herder_sees_trap(w), 1 : 0;
    case 8:
        return w->orders.count ? herder_hears(w), 1 : 0;
    case 9:
        return w->pipe.count ? put(&w->up, get(&w->pipe).is_stop, 0), 1 : 0;
    case 10:
        return w->up.count ? hears_ghost(w), 1 : 0;
    case 11:
        return w->news.count ? hears_node(w), 1 : 0;
    case 12:
        return w->signals.count ? node_hears(w), 1 : 0;
    case 13:
        return w->stop_pends && !w->stopped ? process_stops(w), 1 : 0;
    case 14:
        return w->notice ? put(&w->waits, w->notice == 2, 0), w->notice = 0, 1 : 0;
    case 15:
        return w->waits.count ? node_sees(w), 1 : 0;
    case 16:
        return run.in_turn && !w->told && !run.job[w->job_at] && !w->orders.count ? w->told = 1 : 0;
    case 17:
        return w->injected ? w->injected = 0, w->ghost_stopped = w->stop_seen = 1, 1 : 0;
    default:
        return -1;
    }
}

static int is_new(const struct world *w)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < sizeof *w; i++)
        hash = (hash ^ ((const uint8_t *)w)[i]) * 1099511628211u;
    unsigned at = (unsigned)(hash >> 20) % SEEN;
    while (run.used[at] && memcmp(&run.seen[at], w, sizeof *w) != 0)
        at = (at + 1) % SEEN;
    if (run.used[at])
        return 0;
    run.used[at] = 1;
    run.seen[at] = *w;
    return 1;
}

static void judge(const struct world *w)
{
    size_t length = strlen(run.user);
    run.ends++;
    run.disagree += w->stopped != w->ghost_stopped;
    if (length > 0 && run.node[0] == '\0' && (run.job[0] == '\0' || run.in_turn))
        run.wrong += w->stopped != (run.user[length - 1] == 'S');
}

static void explore(void)
{
    struct world first;
    memset(&first, 0, sizeof first);
    memset(run.used, 0, SEEN);
    first.state = PROC_RUNNING;
    run.todo[0] = first;
    run.todo_count = (unsigned)is_new(&first);
    while (run.todo_count > 0) {
        struct world now = run.todo[--run.todo_count];
        int done, any = 0;
        for (int which = 0;; which++) {
            struct world next = now;
            done = step(&next, which);
            if (done < 0)
                break;
            any |= done;
            if (done && is_new(&next))
                run.todo[run.todo_count++] = next;
        }
        if (!any)
            judge(&now);
    }
}

/* All scripts of up to `most` signals to the ghost, with this on the node and to the job. */
static void explore_all(int most, const char *node, const char *job)
{
    char user[8];
    run.user = user;
    run.node = node;
    run.job = job;
    for (int length = 0; length <= most; length++)
        for (int bits = 0; bits < 1 << length; bits++) {
            for (int i = 0; i < length; i++)
                user[i] = bits & 1 << i ? 'S' : 'C';
            user[length] = '\0';
            explore();
        }
}

static int begin(int without)
{
    free(run.seen);
    free(run.todo);
    free(run.used);
    memset(&run, 0, sizeof run);
    run.without = without;
    run.seen = calloc(SEEN, sizeof *run.seen);
    run.todo = calloc(SEEN, sizeof *run.todo);
    run.used = calloc(SEEN, 1);
    return run.seen != NULL && run.todo != NULL && run.used != NULL;
}

static void last_signal_wins(void)
{
    CU_ASSERT_FATAL(begin(0));
    explore_all(5, "", "");
    CU_ASSERT(run.ends > 0);
    CU_ASSERT_EQUAL(run.disagree, 0);
    CU_ASSERT_EQUAL(run.wrong, 0);
}

static void both_agree(void)
{
    static const char *const others[] = {"S", "C", "SC", "CS"};
    CU_ASSERT_FATAL(begin(0));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        explore_all(3, others[i], "");
        explore_all(3, "", others[i]);
    }
    explore_all(2, "S", "C");
    explore_all(2, "C", "S");
    CU_ASSERT(run.ends > 0);
    CU_ASSERT_EQUAL(run.disagree, 0);
}

/* As one who sends to the whole job first, and then to a ghost. */
static void job_then_ghost(void)
{
    CU_ASSERT_FATAL(begin(0));
    run.in_turn = 1;
    explore_all(3, "", "SC");
    explore_all(3, "", "CS");
    CU_ASSERT(run.ends > 0);
    CU_ASSERT(run.disagree == 0 && run.wrong == 0);
}

/* The model sees what the rule is for. */
static void without_it_is_lost(void)
{
    CU_ASSERT_FATAL(begin(1));
    explore_all(4, "", "");
    CU_ASSERT(run.wrong > 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"the last signal to the ghost wins", last_signal_wins},
        {"ghost and process agree, whoever else signals", both_agree},
        {"to the job, then to its ghost", job_then_ghost},
        {"without the rule a stop is lost", without_it_is_lost},
        {NULL, NULL},
    };
    return bp_tap_run("stop", tests);
}
