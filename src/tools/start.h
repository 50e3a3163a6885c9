/* SPDX-License-Identifier: BSD-3-Clause */
/* start.h - how a job's program is started: from an image of it that goes to the nodes, where that
 * can be had, else by exec on each node. */
#ifndef BP_TOOLS_START_H
#define BP_TOOLS_START_H

#include <argp.h>

#include "image/image.h"
#include "lib/job.h"

struct start {
    struct bp_image *image; /* NULL = exec, or every node has it */
    uint32_t cpu[BP_IMAGE_CPU_WORDS]; /* what it wants of a node's */
    int relay;              /* the nodes pass it on to each other */
    char **argv;            /* the image's arguments, or NULL */
    size_t argc;
    void (*failed)(void *arg, const char *why);
    void *arg;
};

/* The way that an option's word names; a wrong word is argp's error. */
Bpmix__Start start_way(struct argp_state *state, const char *word);
const char *start_name(Bpmix__Start way);

/* Take the image that request->start asks for. request->start becomes what it is: EXEC where there
 * can be none, and the tool says why; and request->argv what is started: for a script its
 * interpreter's. It is the start's then. SELF, a warm start, has nothing to fall back on: an
 * error. */
int start_capture(struct start *start, Bpmix__JobRequest *request, const char *tool,
                  struct bp_error *err);
/* The job was refused, by this code and for this reason: 1 = it is as if there had been no image
 * (ENTRY, of a better CPU than the nodes have; the tool says so), to be asked for again. */
int start_falls_back(struct start *start, Bpmix__JobRequest *request, const char *tool, int code,
                     const char *why);
/* Let it go to the nodes of the job. failed: it cannot be read any more. */
void start_send(struct start *start, struct bp_job *job,
                void (*failed)(void *arg, const char *why), void *arg);
void start_done(struct start *start);

#endif
