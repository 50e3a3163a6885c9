/* SPDX-License-Identifier: BSD-3-Clause */
/* launch.h - opening a job: bpmaster's map of it, and its ghosts. Blocking, no event loop. */
#ifndef BP_LIB_LAUNCH_H
#define BP_LIB_LAUNCH_H

#include "common/error.h"
#include "lib/herd.h"
#include "proto/local.h"
#include "proto/pack.h"

struct bp_launch {
    int fd; /* to bpmaster; when it closes, the job ends */
    Bpmix__JobMap *map;
};

/* Fill in the calling process's part of a request: environment, working directory, umask, limits,
 * launcher. Free with bp_job_request_done. 0; or -ENOMEM, and there is nothing to free. */
int bp_job_request_init(Bpmix__JobRequest *request, Bpmix__Place *place,
                         Bpmix__Launcher *launcher, int argc, char **argv);
void bp_job_request_done(Bpmix__JobRequest *request);

/* Who hears why the job must wait, whenever that changes. */
typedef void bp_launch_waits(void *arg, const Bpmix__JobWait *wait);

/* Ask bpmaster for the job; that may take as long as other jobs have its CPUs, and waits (or NULL)
 * is told so. *ret_launch must be done with bp_launch_done, or go to bp_job_attach; nothing is left
 * when it fails. *ret_herds: for bp_launch_ghosts, which comes next. */
int bp_launch_open(const Bpmix__JobRequest *request, bp_launch_waits *waits, void *arg,
                   struct bp_launch *ret_launch, struct bp_local_message *ret_herds,
                   struct bp_error *err);
/* The same in two parts: what is between them happens while bpmaster works. ask: a connection on
 * which the answer will come; closing it takes the request back. */
int bp_launch_ask(const Bpmix__JobRequest *request, struct bp_error *err);
int bp_launch_answer(int take_fd, bp_launch_waits *waits, void *arg, struct bp_launch *ret_launch,
                     struct bp_local_message *ret_herds, struct bp_error *err);
/* Make the ghosts: children of the calling process, one for each rank; ps shows the request's words
 * for them. Takes the herds. Blocks until the ghosts are there. */
int bp_launch_ghosts(const struct bp_launch *launch, const Bpmix__JobRequest *request,
                     struct bp_local_message *take_herds, struct bp_error *err);
/* The same with words of the caller's; ret_pids gets the PID of each rank. */
int bp_launch_children(const struct bp_launch *launch, char *const argv[],
                       struct bp_local_message *take_herds, int32_t *ret_pids,
                       struct bp_error *err);
/* These where one herd is enough, and without waiting for them: bp_herd_end does. */
int bp_launch_begin(const struct bp_launch *launch, char *const argv[],
                    struct bp_local_message *take_herds, struct bp_herd_making *ret_making,
                    struct bp_error *err);
void bp_launch_done(struct bp_launch *launch);

#endif
