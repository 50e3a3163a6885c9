/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.h - publish, lookup and unpublish: requests to bpmaster, matched with its replies. */
#ifndef BP_PMIX_PUBLISH_H
#define BP_PMIX_PUBLISH_H

#include "pmix/shepherd.h"

struct bp_requests *bp_requests_new(void);

/* bpmaster's reply; frame->tag names the request. */
void bp_requests_reply(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                       const Bpmix__PmixReply *reply);

#endif
