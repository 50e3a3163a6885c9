/* SPDX-License-Identifier: BSD-3-Clause */
/* job.h - an opened job as its launcher sees it: news and data arriving. */
#ifndef BP_LIB_JOB_H
#define BP_LIB_JOB_H

#include <sys/ioctl.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "common/error.h"
#include "lib/launch.h"
#include "lib/sending.h"
#include "proto/pack.h"
#include "proto/stream.h"

#define BP_JOB_HOME_FDS 4 /* image, stdin, stdout, stderr */

struct bp_job;

struct bp_job_events {
    /* News about ranks, in the order in which bpmaster saw them. */
    void (*event)(void *arg, const Bpmix__JobEvent *event);
    /* Bytes of a rank's stdout (channel 1) or stderr (2); length 0: that pipe is at its end. */
    void (*output)(void *arg, uint32_t rank, unsigned channel, const uint8_t *bytes,
                   size_t length);
    /* stdin: `taken` bytes more may be sent to the rank; 0: it waits for input. */
    void (*credit)(void *arg, uint32_t rank, uint32_t taken);
    /* stdin: the rank has ended and left so many bytes unread. */
    void (*left)(void *arg, uint32_t rank, uint32_t bytes);
    /* A data connection has come or gone, or bpmaster said that all is over. */
    void (*progress)(void *arg);
    /* A process comes home (FETCH), a rank or what that has made on its node. Then the bytes of its
     * image, if it has one, length 0: that is all; or nobody wants it any more. Its number is its
     * own. NULL: of this launcher none does. */
    void (*coming)(void *arg, const Bpmix__JobEvent *event);
    void (*image)(void *arg, uint32_t number, const uint8_t *bytes, size_t length);
    void (*not_coming)(void *arg, uint32_t number);
    /* What a rank that comes home wrote on nodes was all told: it writes here after this. */
    void (*dry)(void *arg, uint32_t rank);
    /* bpmaster is gone; the job will end with its lease. */
    void (*lost)(void *arg, const char *why);
};

/* Go on from an opened job: everything comes from the loop now. Takes what the launch holds, also
 * when it fails: NULL with a sentence in *err. */
struct bp_job *bp_job_attach(struct event_base *base, struct bp_launch *launch,
                             const struct bp_job_events *events, void *arg, struct bp_error *err);
/* The same for a job inside of another one of this launcher, whose data connections it uses. It
 * must be freed before its host. */
struct bp_job *bp_job_attach_guest(struct bp_job *host, struct bp_launch *launch,
                                   const struct bp_job_events *events, void *arg);
/* A lasting job may end, as soon as it has neither processes nor guests. */
void bp_job_release(struct bp_job *job);
void bp_job_free(struct bp_job *job);

const Bpmix__JobMap *bp_job_map(const struct bp_job *job);
/* The name of a node of the job. */
const char *bp_job_node_name(const struct bp_job *job, int node);

/* Send a signal to every process of the job; 0 = end the job now. */
void bp_job_kill(struct bp_job *job, unsigned signal);
/* This process got a signal itself: to the ranks, unless its whole process group got it. */
void bp_job_forward(struct bp_job *job, unsigned signal, int code, int sender_pid,
                    unsigned sender_uid, uint64_t value);
/* Send the image that the ranks start from (the request said which kind) to every node. The source
 * must last until it is done or the job is freed. */
void bp_job_send_image(struct bp_job *job, const struct bp_image_source *source);
/* 1 = the data connection of the rank's node is there. */
int bp_job_has_data(const struct bp_job *job, uint32_t rank);
/* Stdin for a rank; length 0 = its end. */
void bp_job_input(struct bp_job *job, uint32_t rank, const void *bytes, size_t length);
/* The image of a process that comes home is here, with the stdin, stdout and stderr that it is to
 * have, and `files` more, those of its JobMove; the descriptors stay the caller's. reaps: when it
 * is a rank of this job, its end will be told by bp_job_reaped. Or it cannot come, and why. */
void bp_job_home(struct bp_job *job, uint32_t number, int reaps, const int *fds, unsigned files);
void bp_job_not_home(struct bp_job *job, uint32_t number, const struct bp_error *why);
/* A rank that is at home has ended. */
void bp_job_reaped(struct bp_job *job, uint32_t rank, int status, const struct rusage *usage);
/* Stdin for all ranks; length 0 = its end. At most BP_STREAM_FLOW_MAX bytes. */
void bp_job_input_all(struct bp_job *job, const void *bytes, size_t length);
/* 1 = more of it can be sent now; so much of it the slowest rank has not taken. */
int bp_job_input_room(struct bp_job *job, uint32_t under_way);
/* The nodes can pass it on to each other (`relay` of the request, which has no image). */
void bp_job_input_passes(struct bp_job *job);
/* The size of a rank's terminal. -ENOTCONN: its node's data connection is not there. */
int bp_job_resize(struct bp_job *job, uint32_t rank, const struct winsize *size);
/* Nobody reads this channel any more. */
void bp_job_stop_output(struct bp_job *job, unsigned channel);
/* Stop or go on taking data. */
void bp_job_pause(struct bp_job *job, int paused);

/* 1 = bpmaster said that all is over (or is gone itself), and every data connection has ended.
 * The ghosts are the caller's to wait for. */
int bp_job_is_over(const struct bp_job *job);
/* 1 = bpmaster said that all is over, or is gone. */
int bp_job_has_ended(const struct bp_job *job);
int bp_job_is_paused(const struct bp_job *job);
/* When it is over: 0 = all that the ranks wrote has arrived; else which node's part may not have.
 * Of use only when all ranks ended well: a node that is lost has told as much. */
int bp_job_incomplete(const struct bp_job *job, struct bp_error *err);

#endif
