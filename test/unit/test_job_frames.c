/* SPDX-License-Identifier: BSD-3-Clause */
/* test_job_frames.c - what a node says about a job: its own lies cost it the connection, those of
 * a job's bpshepherd only that job. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "tap.h"

static int closed, events;
static enum proc_event last;
static Bpmix__JobEvent__Kind told;

void job_close(struct job *job)
{
    job->closing = 1;
    closed++;
}

static int left;

void onward_has_left(struct job *job, struct proc *proc)
{
    (void)job, (void)proc;
    left++;
}

static int stopped_behind;

int onward_stopped_behind(struct job *job, struct proc *proc, struct node *node,
                          const struct bp_frame *frame, const uint8_t *body, struct bp_error *err)
{
    (void)job, (void)proc, (void)node, (void)frame, (void)body, (void)err;
    stopped_behind++;
    return 0;
}

struct node *proc_node(const struct job *job, const struct proc *proc)
{
    return job->places[proc->place].node;
}

int proc_where(const struct job *job, const struct proc *proc)
{
    return proc_node(job, proc)->number;
}

void job_connected(struct job *job)
{
    job->connected = 1;
}

void job_tell(struct job *job, const Bpmix__JobEvent *event)
{
    (void)job;
    told = event->kind;
}

void job_proc_event(struct job *job, struct proc *proc, enum proc_event event, int32_t status,
                    const Bpmix__JobEvent *more)
{
    (void)job, (void)proc, (void)status, (void)more;
    last = event;
    events++;
}

void job_place_ended(struct job *job, struct place *place, int kind, const char *text)
{
    (void)job, (void)kind, (void)text;
    place->ended = 1;
}

int publish_frame(struct job *job, struct node *node, const struct bp_frame *frame,
                  const uint8_t *body, struct bp_error *err)
{
    (void)job, (void)node, (void)frame, (void)body;
    return bp_error_set(err, -EBADMSG, "malformed");
}

static int sent;
static size_t backlog;

void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body)
{
    (void)channel, (void)frame, (void)body;
    sent++;
}

size_t bp_channel_backlog(const struct bp_channel *channel)
{
    (void)channel;
    return backlog;
}

static struct node nodes[2] = {{.number = 0}, {.number = 1}};
static struct proc procs[2] = {{.rank = 0, .place = 0}, {.rank = 1, .place = 1}};
static struct place places[2] = {{.node = &nodes[0]}, {.node = &nodes[1]}};

static struct job a_job(void)
{
    closed = events = 0;
    told = BPMIX__JOB_EVENT__KIND__NONE;
    return (struct job){.procs = procs, .proc_count = 2, .places = places, .place_count = 2};
}

/* Node 0 says this. */
static int say(struct job *job, unsigned type, uint64_t tag, const void *message)
{
    struct bp_error err = {0};
    size_t length = 0;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    return job_node_frame(job, &places[0],
                          &(struct bp_frame){.type = (uint16_t)type, .tag = tag,
                                             .length = (uint32_t)length}, body, &err);
}

static void ends(void)
{
    struct job job = a_job();
    Bpmix__ProcExit exited = BPMIX__PROC_EXIT__INIT;
    exited.status = 3 << 8;
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 1, &exited), 0);
    exited.status = SIGSEGV | 0x80;
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 1, &exited), 0);
    CU_ASSERT(events == 2 && last == PROC_EXIT);
    exited.status = SIGSTOP << 8 | 0x7f; /* stopped */
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 1, &exited), -EPROTO);
    exited.status = 0;
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 2, &exited), -EPERM); /* on node 1 */
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 3, &exited), -EPERM);
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 0, &exited), -EPERM);
    CU_ASSERT(events == 2 && closed == 0);
}

/* A process that has gone on is none of its place's any more. */
static void left_behind(void)
{
    struct job job = a_job();
    struct stay stay = {.node = &nodes[1]};
    Bpmix__ProcExit exited = BPMIX__PROC_EXIT__INIT;
    Bpmix__ProcStopped stopped = BPMIX__PROC_STOPPED__INIT;
    left = 0;
    procs[0].stay = &stay;
    procs[0].leaving = 1;
    CU_ASSERT_EQUAL(say(&job, BP_PROC_STOPPED, 1, &stopped), 0);
    CU_ASSERT(left == 0 && procs[0].leaving);
    CU_ASSERT_EQUAL(say(&job, BP_PROC_EXIT, 1, &exited), 0);
    CU_ASSERT(left == 1 && !procs[0].leaving && events == 0);
    procs[0].stay = NULL;
}

static void shepherds(void)
{
    static const unsigned types[] = {BP_PMIX_PUBLISH, BP_PMIX_LOOKUP, BP_PMIX_UNPUBLISH};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct job job = a_job();
        CU_ASSERT_EQUAL(say(&job, types[i], 1, NULL), 0);
        CU_ASSERT(closed == 1 && told == BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST);
        CU_ASSERT_EQUAL(say(&job, types[i], 1, NULL), 0);
        CU_ASSERT_EQUAL(closed, 1);
    }
    struct job job = a_job();
    Bpmix__PmixAbort aborted = BPMIX__PMIX_ABORT__INIT;
    aborted.text = (char *)"";
    CU_ASSERT_EQUAL(say(&job, BP_PMIX_ABORT, 0, &aborted), 0);
    CU_ASSERT(closed == 0 && told == BPMIX__JOB_EVENT__KIND__ABORT);
    aborted.rank = 1; /* on node 1 */
    CU_ASSERT_EQUAL(say(&job, BP_PMIX_ABORT, 0, &aborted), 0);
    CU_ASSERT_EQUAL(closed, 1);
    job = a_job();
    Bpmix__PmixState state = BPMIX__PMIX_STATE__INIT;
    state.rank = 77;
    CU_ASSERT_EQUAL(say(&job, BP_PMIX_STATE, 0, &state), 0);
    CU_ASSERT_EQUAL(closed, 1);
}

/* What bpshepherds say to each other is passed on, but not kept without end. */
static void peers(void)
{
    struct job job = a_job();
    struct bp_error err = {0};
    struct bp_frame frame = {.type = BP_PMIX_PEER, .node = 1};
    static int channel; /* only its address counts */
    nodes[1].channel = (struct bp_channel *)(void *)&channel;
    sent = 0;
    backlog = 1 << 20;
    CU_ASSERT_EQUAL(job_node_frame(&job, &places[0], &frame, NULL, &err), 0);
    CU_ASSERT(sent == 1 && closed == 0);
    frame.node = 7; /* not of this job */
    CU_ASSERT_EQUAL(job_node_frame(&job, &places[0], &frame, NULL, &err), 0);
    frame.node = 1;
    backlog = SIZE_MAX;
    CU_ASSERT_EQUAL(job_node_frame(&job, &places[0], &frame, NULL, &err), 0);
    CU_ASSERT(sent == 1 && closed == 1 && told == BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST);
    nodes[1].channel = NULL;
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"ends of processes", ends},
        {"what has gone on to another node", left_behind},
        {"a bpshepherd that lies", shepherds},
        {"frames between bpshepherds", peers},
        {NULL, NULL},
    };
    bp_log_init("test", BP_LOG_ERROR);
    return bp_tap_run("job_frames", tests);
}
