/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - run a job from its opening to its exit status. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/capacity.h"
#include "common/clock.h"
#include "common/cpuset.h"
#include "common/mem.h"
#include "lib/client.h"
#include "tools/ending.h"
#include "tools/input.h"
#include "tools/launcher.h"
#include "tools/local.h"
#include "tools/map_show.h"
#include "tools/progress.h"
#include "tools/ranks.h"
#include "tools/report.h"
#include "tools/run.h"
#include "tools/start.h"
#include "tools/turns.h"
#include "tools/verdict.h"
#include "tools/waits.h"

#define OWN_FILES 20 /* open files of the launcher, beside the nodes' connections */

struct run {
    const struct run_policy *policy;
    Bpmix__JobRequest *request;
    struct event_base *base;
    struct bp_job *job;     /* NULL: all ranks are here */
    struct local *local;    /* NULL: none is */
    struct homed *homed;    /* NULL: there is no job */
    struct map_job *map;    /* NULL: nobody asked for it, or it is not known */
    struct ranks *ranks;
    struct output *output;
    struct turns *turns; /* NULL: everybody's output as it comes */
    struct input *input;
    int says_lost; /* that a node is */
    FILE *status; /* NULL: nobody wants it */
    struct verdict verdict;
    struct start start;
    int signals; /* signalfd */
    sigset_t old_mask;
    struct event *signal_event, *silence_timer;
    struct ending ending;
    struct progress progress;
    size_t ghosts; /* children of ours still there */
    char **env;    /* in a rank: the request's, without what the rank was told of its job */
    int heard;     /* output came since await_end */
    uint64_t start_ms;
};

static int is_raw(const struct run *run)
{
    return run->policy->terminal != NULL && run->policy->terminal->is_raw;
}

static void say(struct run *run, const char *text)
{
    progress_say(&run->progress, text);
}

static void await_end(struct run *run);

/* ---- news of the job ---- */

static void check_over(struct run *run)
{
    if (ranks_is_over(run->ranks) && run->ghosts == 0)
        event_base_loopbreak(run->base);
}

static void on_progress(void *arg)
{
    struct run *run = arg;
    input_look(run->input);
    if (run->policy->terminal != NULL && run->job != NULL)
        terminal_look(run->policy->terminal, run->job);
    check_over(run);
}

/* Rank 0 runs: until then, and when its terminal has gone, the keys are the launcher's. */
static void give_keys(struct run *run, uint32_t rank)
{
    if (run->policy->terminal == NULL || rank != 0)
        return;
    int r = terminal_raw(run->policy->terminal);
    if (r < 0)
        fprintf(stderr, "%s: the terminal: %s\n", run->policy->tool, strerror(-r));
}

static void on_rank_gone(struct run *run, uint32_t rank)
{
    input_rank_gone(run->input, rank);
    ending_rank_gone(&run->ending, rank);
}

/* On a node nothing of it is our child. */
static void on_rank_home(struct run *run, const Bpmix__JobEvent *event)
{
    input_rank_gone(run->input, event->rank);
    if (run->env == NULL)
        homed_moved(run->homed, event->number, event->pid);
}

static void on_coming(void *arg, const Bpmix__JobEvent *event)
{
    homed_coming(((struct run *)arg)->homed, event);
}

static void on_image(void *arg, uint32_t number, const uint8_t *bytes, size_t length)
{
    homed_image(((struct run *)arg)->homed, number, bytes, length);
}

static void on_not_coming(void *arg, uint32_t number)
{
    homed_not_coming(((struct run *)arg)->homed, number);
}

/* What it writes here comes by ourselves, too. */
static void on_dry(void *arg, uint32_t rank)
{
    (void)rank;
    const struct run *run = arg;
    if (run->env != NULL)
        output_flush(run->output);
}

/* Its processes cannot be told to end: they do by their lease, and their ghosts wait for that. */
static void say_lost(struct run *run, const char *node)
{
    if (run->says_lost)
        return;
    run->says_lost = 1;
    fprintf(stderr, "%s: %s: no contact; what runs there ends by its lease, in %u s at most\n",
            run->policy->tool, node, bp_job_map(run->job)->lease_ms * 3 / 2 / 1000 + 1);
}

static void on_event(void *arg, const Bpmix__JobEvent *event)
{
    struct run *run = arg;
    if (event->kind == BPMIX__JOB_EVENT__KIND__STUCK) {
        say(run, "the herder of the ghosts does not answer: killing it");
        kill(event->pid, SIGKILL);
        return;
    }
    const char *node = event->node >= 0 ? bp_job_node_name(run->job, event->node) : "master";
    if (event->kind == BPMIX__JOB_EVENT__KIND__EXIT ||
        event->kind == BPMIX__JOB_EVENT__KIND__FAILED)
        on_rank_gone(run, event->rank);
    else if (event->kind == BPMIX__JOB_EVENT__KIND__CREATED)
        input_rank_there(run->input, event->rank);
    else if (event->kind == BPMIX__JOB_EVENT__KIND__MOVED && event->node < 0)
        on_rank_home(run, event);
    if (event->kind == BPMIX__JOB_EVENT__KIND__CREATED)
        give_keys(run, event->rank);
    if (event->kind == BPMIX__JOB_EVENT__KIND__FAILED && run->turns != NULL)
        turns_gone(run->turns, event->rank);
    progress_event(&run->progress, event, node);
    if (event->kind == BPMIX__JOB_EVENT__KIND__NODE_LOST && run->ghosts > 0)
        say_lost(run, node);
    if (verdict_event(&run->verdict, event, node))
        ending_ask(&run->ending, 1);
    if (event->kind == BPMIX__JOB_EVENT__KIND__CREATED && run->policy->report_bindings) {
        progress_hide(&run->progress);
        report_binding(run->job, run->map, &run->verdict, event->rank);
    }
}

static void on_lost(void *arg, const char *why)
{
    struct run *run = arg;
    char text[256];
    snprintf(text, sizeof text, "%s; what still runs ends within %u s", why,
             bp_job_map(run->job)->lease_ms / 1000 + 1);
    verdict_end(&run->verdict, 128 + SIGKILL, text);
    say(run, text);
    run->verdict.text[0] = '\0';
    homed_kill(run->homed);
}

static void on_output(void *arg, uint32_t rank, unsigned channel, const uint8_t *bytes,
                      size_t length)
{
    struct run *run = arg;
    run->heard = 1;
    auto_free char *lines = NULL;
    if (length > 0) {
        progress_hide(&run->progress);
        give_keys(run, rank);
    } else if (run->policy->terminal != NULL && rank == 0 && channel == 1) {
        terminal_end(run->policy->terminal);
    }
    if (is_raw(run) && rank != 0 && isatty((int)channel)) {
        lines = terminal_lines(bytes, length, &length);
        bytes = (const uint8_t *)lines;
    }
    if (run->turns != NULL)
        turns_bytes(run->turns, rank, channel, bytes, length);
    else
        output_bytes(run->output, rank, channel, bytes, length);
}

static void on_credit(void *arg, uint32_t rank, uint32_t taken)
{
    input_credit(((struct run *)arg)->input, rank, taken);
}

static void on_left(void *arg, uint32_t rank, uint32_t bytes)
{
    input_left(((struct run *)arg)->input, rank, bytes);
}

static void on_image_failed(void *arg, const char *why)
{
    struct run *run = arg;
    char text[300];
    snprintf(text, sizeof text, "the program's image cannot be sent: %s", why);
    verdict_end(&run->verdict, 125, text);
    ending_kill(&run->ending);
}

/* All ghosts have gone, and nothing comes any more that would end the job: bpmaster hangs (then the
 * ghosts ended without its order), or a node does before all of its output is here. */
static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct run *run = arg;
    if (run->local != NULL && !local_is_over(run->local)) {
        await_end(run);
        return;
    }
    if (homed_is_due(run->homed)) {
        await_end(run);
        return;
    }
    if (!bp_job_has_ended(run->job)) {
        verdict_end(&run->verdict, 128 + SIGKILL, "bpmaster does not answer");
    } else if (run->heard || bp_job_is_paused(run->job)) {
        await_end(run);
        return;
    }
    event_base_loopbreak(run->base);
}

/* Longer than bpmaster waits for anything: a lost node's lease, a data connection on its way. */
static void await_end(struct run *run)
{
    uint64_t wait_ms = 2 * (uint64_t)bp_job_map(run->job)->lease_ms + 6000;
    run->heard = 0;
    event_add(run->silence_timer, &(struct timeval){.tv_sec = (time_t)(wait_ms / 1000),
                                                    .tv_usec = (long)(wait_ms % 1000) * 1000});
}

/* ---- signals ---- */

static void reap(struct run *run)
{
    pid_t pid;
    int status;
    struct rusage usage;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (run->local != NULL && local_reaped(run->local, pid, status, &usage))
            continue;
        if (run->homed != NULL && homed_reaped(run->homed, pid, status, &usage))
            continue;
        if (run->ghosts > 0 && --run->ghosts == 0)
            await_end(run);
    }
    check_over(run);
}

/* Stop as the terminal's ^Z would have it, now that the ranks have been told. */
static void stop_self(struct run *run)
{
    int raw = is_raw(run);
    sigset_t stop;
    if (raw)
        terminal_restore(run->policy->terminal);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL);
    raise(SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    if (raw)
        terminal_raw(run->policy->terminal);
}

/* It has another size; or we go on after a SIGSTOP, and who had it since left it as he liked. */
static void on_terminal_signal(struct run *run, int signal)
{
    struct terminal *terminal = run->policy->terminal;
    if (terminal == NULL || run->job == NULL)
        return;
    if (signal == SIGCONT && terminal->is_raw) {
        terminal_restore(terminal);
        terminal_raw(terminal);
    }
    terminal_look(terminal, run->job);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct run *run = arg;
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    int signal = (int)info.ssi_signo;
    if (signal == SIGCHLD) {
        reap(run);
        return;
    }
    ranks_forward(run->ranks, &info);
    if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT)
        ending_signal(&run->ending, signal);
    else if (signal == SIGTSTP)
        stop_self(run);
    else if (signal == SIGWINCH || signal == SIGCONT)
        on_terminal_signal(run, signal);
}

/* ---- from the beginning to the end ---- */

static const struct bp_job_events events = {
    .event = on_event, .output = on_output, .credit = on_credit, .left = on_left,
    .coming = on_coming, .image = on_image, .not_coming = on_not_coming, .dry = on_dry,
    .progress = on_progress, .lost = on_lost};

/* Those whose name has the job's number when it is known, the others before. */
static int open_files(const struct run *run, const Bpmix__JobMap *map, struct bp_error *err)
{
    struct redirect *redirect = run->policy->redirect;
    if (redirect == NULL)
        return 0;
    int r = redirect_open(redirect, map != NULL ? map->job : 0, err);
    if (r < 0 || map == NULL)
        return r;
    r = redirect_check(redirect, (uint32_t)map->n_ranks, err);
    if (r == 0 && run->policy->stdin_rank >= (int)map->n_ranks)
        return bp_error_set(err, -EINVAL, "--stdin=%d: the job has ranks up to %zu",
                            run->policy->stdin_rank, map->n_ranks - 1);
    return r;
}

/* They are processes of ours, but for a launcher in a rank: its ranks' are on the master. */
static int make_ghosts(const struct run *run, const struct bp_launch *launch,
                       struct bp_local_message *take_herds, struct bp_error *err)
{
    size_t ghosts = run->env == NULL ? launch->map->n_ranks : 0;
    int r = bp_capacity_check("", ghosts, launch->map->n_nodes + OWN_FILES, err);
    if (r == 0)
        return bp_launch_ghosts(launch, run->request, take_herds, err);
    bp_local_done(take_herds);
    return bp_error_prefix(err, "here");
}

/* Until bpmaster has accepted the job, a signal may end us as it does any program: a job that
 * waits leaves the line with us. */
static int open_job(struct run *run, const Bpmix__JobRequest *request, struct bp_error *err)
{
    struct bp_launch launch;
    struct bp_local_message herds;
    int r = bp_launch_open(request, waits_say, (void *)run->policy, &launch, &herds, err);
    if (r < 0)
        return r;
    r = open_files(run, launch.map, err);
    if (r < 0) {
        bp_local_done(&herds);
        bp_launch_done(&launch);
        return r;
    }
    run->map = map_show_job(launch.map, run->policy->map, run->policy->tool,
                            run->policy->report_bindings || run->policy->status != NULL);
    launcher_take_signals(run->signals, &run->old_mask);
    progress_step(&run->progress, "job %llu has %zu rank%s on %zu node%s",
                  (unsigned long long)launch.map->job, launch.map->n_ranks,
                  launch.map->n_ranks == 1 ? "" : "s", launch.map->n_nodes,
                  launch.map->n_nodes == 1 ? "" : "s");
    r = make_ghosts(run, &launch, &herds, err);
    if (r < 0) {
        bp_launch_done(&launch);
        return r;
    }
    progress_step(&run->progress, "the ghosts are made");
    /* OpenSSL takes 2 ms to start: now, while the nodes create the processes */
    run->job = bp_job_attach(run->base, &launch, &events, run, err);
    if (run->job != NULL && request->relay && request->start == BPMIX__START__EXEC)
        bp_job_input_passes(run->job);
    if (run->job != NULL)
        run->homed = homed_new(run->base, run->job, &events, run);
    return run->job != NULL ? 0 : err->code;
}

/* Those on nodes, and those here. */
static int start_ranks(struct run *run, Bpmix__JobRequest *request, struct bp_error *err)
{
    uint32_t on_nodes = 0;
    if (request->place->node_list[0] != '\0' || run->policy->local == 0) {
        int r = open_job(run, request, err);
        if (r < 0 && start_falls_back(&run->start, request, run->policy->tool, r, err->text))
            r = open_job(run, request, err);
        if (r < 0)
            return r;
        const Bpmix__JobMap *map = bp_job_map(run->job);
        on_nodes = (uint32_t)map->n_ranks;
        run->ghosts = map->n_ranks;
        for (size_t i = 0; !run->policy->quiet && i < map->n_warnings; i++)
            say(run, map->warnings[i]);
        start_send(&run->start, run->job, on_image_failed, run);
    } else {
        launcher_take_signals(run->signals, &run->old_mask);
    }
    if (run->policy->local > 0)
        run->local = local_start(run->base, request, on_nodes, run->policy->local, &run->old_mask,
                                 &events, run);
    run->ranks = ranks_new(run->job, run->local, run->homed);
    return 0;
}

static void on_output_failed(void *arg, const struct bp_error *why)
{
    struct run *run = arg;
    if (why->code == -EPIPE) { /* the ranks see what a local program would */
        run->verdict.unread = 1;
        return;
    }
    verdict_end(&run->verdict, 125, why->text);
    ending_ask(&run->ending, 1);
}

static void make_output(struct run *run)
{
    struct output_style style = run->policy->style;
    style.plain_first = run->policy->terminal != NULL;
    for (int i = 0; run->policy->redirect != NULL && i < 2; i++) {
        const struct redirect_end *end = &run->policy->redirect->ends[i + 1];
        int merged = run->policy->redirect->merge && end->fd == 0;
        style.ends[i] = (struct output_end){.fd = merged ? STDOUT_FILENO : end->fd,
                                            .name = end->name, .rank = end->rank,
                                            .is_one = end->kind == REDIRECT_RANK};
    }
    run->output = output_new(run->base, run->ranks, &style);
    output_on_failed(run->output, on_output_failed, run);
}

static int start(struct run *run, Bpmix__JobRequest *request, struct bp_error *err)
{
    sigset_t none;
    sigemptyset(&none);
    int r = open_files(run, NULL, err);
    if (r == 0)
        r = start_capture(&run->start, request, run->policy->tool, err);
    if (r < 0)
        return r;
    if (run->policy->stdin_rank == -1 && request->start == BPMIX__START__EXEC)
        request->relay = 1;
    if (run->start.image != NULL)
        progress_step(&run->progress, "an image of the program is taken, %llu bytes (%s)",
                      (unsigned long long)bp_image_bytes(run->start.image),
                      start_name(request->start));
    launcher_raise_files();
    run->base = event_base_new();
    run->signals = signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->base == NULL || run->signals < 0)
        return bp_error_set(err, -EMFILE, "no event loop: %s", strerror(errno));
    run->signal_event = event_new(run->base, run->signals, EV_READ | EV_PERSIST, on_signal, run);
    run->silence_timer = evtimer_new(run->base, on_silence, run);
    r = start_ranks(run, request, err);
    if (r < 0)
        return r;
    verdict_init(&run->verdict, ranks_count(run->ranks), run->policy->no_kill);
    make_output(run);
    if (run->policy->turns)
        run->turns = turns_new(run->output, run->ranks, run->policy->dividers);
    run->input = input_new(run->base, run->ranks, run->policy->stdin_rank);
    event_add(run->signal_event, NULL);
    progress_watch(&run->progress, run->base, ranks_count(run->ranks));
    ending_init(&run->ending, run->base, run->policy, &run->verdict, run->ranks);
    return 0;
}

/* Nobody failed before a signal to us ended the job: then the signal is the reason. */
static void say_verdict(struct run *run, int status)
{
    const struct verdict *verdict = &run->verdict;
    int plain = verdict->by_rank >= 0 && !verdict->ranks[verdict->by_rank].failed &&
                WIFEXITED(verdict->ranks[verdict->by_rank].status);
    if (verdict->text[0] != '\0' && !(plain && run->policy->quiet_exits))
        say(run, verdict->text);
    else if (status == 0 && !run->policy->quiet && report_singletons(run->request, verdict))
        say(run, "the ranks never asked for PMIx: each ran as an MPI job of its own (is the "
                 "program's Open MPI older than 4, or built without PMIx?)");
}

/* Before the job: who wants to know how it ended must not learn afterwards that he cannot. */
static int open_status(struct run *run)
{
    const char *path = run->policy->status;
    if (path == NULL)
        return 0;
    run->status = path[0] == '\0' ? stderr : fopen(path, "we");
    if (run->status == NULL)
        fprintf(stderr, "%s: --status: %s: %s\n", run->policy->tool, path, strerror(errno));
    return run->status != NULL ? 0 : -errno;
}

static void close_status(struct run *run)
{
    if (run->status != NULL && run->status != stderr)
        fclose(run->status);
}

/* Tell it; the exit status. */
static int tell_status(struct run *run, int status)
{
    if (run->status == NULL)
        return status;
    int r = report_status(run->job, run->map, &run->verdict, status,
                          bp_clock_ms() - run->start_ms, run->request, run->status);
    if (r < 0)
        fprintf(stderr, "%s: --status: %s\n", run->policy->tool, strerror(-r));
    return r < 0 && status == 0 ? 125 : status;
}

int run_job(Bpmix__JobRequest *request, const struct run_policy *policy)
{
    struct run run = {.policy = policy, .request = request, .start_ms = bp_clock_ms()};
    struct bp_error err = {0};
    if (open_status(&run) < 0)
        return 125;
    progress_init(&run.progress, policy);
    run.env = launcher_leave_own(request);
    int r = start(&run, request, &err);
    if (r < 0) {
        start_done(&run.start);
        fprintf(stderr, "%s: %s\n", policy->tool, err.text);
        close_status(&run);
        return 125;
    }
    event_base_dispatch(run.base);
    if (run.homed != NULL)
        homed_finish(run.homed);
    if (turns_finish(run.turns, &err) < 0)
        verdict_end(&run.verdict, 125, err.text);
    output_finish(run.output);
    if (policy->terminal != NULL)
        terminal_end(policy->terminal);
    input_finish(run.input);
    if (input_error(run.input) != 0 && verdict_status(&run.verdict) == 0) {
        bp_error_set(&err, -EIO, "standard input: %s", strerror(input_error(run.input)));
        verdict_end(&run.verdict, 125, err.text);
    }
    if (verdict_status(&run.verdict) == 0 && run.job != NULL &&
        bp_job_incomplete(run.job, &err) < 0)
        verdict_end(&run.verdict, 125, err.text);
    int status = verdict_status(&run.verdict);
    progress_step(&run.progress, "the job is over");
    say_verdict(&run, status);
    status = tell_status(&run, status);
    close_status(&run);
    turns_free(run.turns);
    output_free(run.output);
    input_free(run.input);
    map_job_free(run.map);
    ranks_free(run.ranks);
    local_free(run.local);
    homed_free(run.homed);
    bp_job_free(run.job);
    start_done(&run.start);
    verdict_done(&run.verdict);
    event_free(run.signal_event);
    ending_done(&run.ending);
    progress_done(&run.progress);
    event_free(run.silence_timer);
    close(run.signals);
    event_base_free(run.base);
    free(run.env);
    return status;
}
