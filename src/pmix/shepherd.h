/* SPDX-License-Identifier: BSD-3-Clause */
/* shepherd.h - what the files of this program share: one job, one loop, one link to bpnode. */
#ifndef BP_PMIX_SHEPHERD_H
#define BP_PMIX_SHEPHERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>
#include <protobuf-c/protobuf-c.h>

#include "common/log.h"
#include "pmix/link.h"
#include "pmix/map.h"

struct bp_shepherd {
    struct event_base *base;
    struct bp_link *link;
    uint64_t job;            /* number of the job, in every frame */
    bool ready;              /* PMIX_READY is sent; before it only PMIX_JOB and PING are heard */
    struct bp_map *map;      /* NULL until PMIX_JOB came */
    size_t fanout;
    char *tmp;               /* libpmix's own files */
    char *session;           /* Open MPI's session directory */
    uid_t uid;
    gid_t gid;
    struct bp_fences *fences;
    struct bp_modexes *modexes;
    struct bp_requests *requests;
    struct bp_log_limit refusals; /* lines about bad frames of peers */
};

/* Send a frame; message = NULL: no body. -EMSGSIZE: beyond what the type allows, nothing sent. */
int bp_shepherd_send(struct bp_shepherd *shepherd, unsigned type, int32_t node, uint64_t tag,
                     const ProtobufCMessage *message);

/* A peer broke the rules: its frame is dropped, a line says so (rate-limited). */
void bp_shepherd_refuse(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                        const char *why);

#endif
