/* SPDX-License-Identifier: BSD-3-Clause */
/* dmodex.h - direct modex: the data of a rank on another node, asked from that node's shepherd. */
#ifndef BP_PMIX_DMODEX_H
#define BP_PMIX_DMODEX_H

#include "pmix/shepherd.h"

struct bp_modexes *bp_modexes_new(void);

/* Frames of peers. */
void bp_modexes_ask(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const Bpmix__PmixPeer *peer);
void bp_modexes_answer(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                       const Bpmix__PmixPeer *peer);

/* The map's gone marks have changed: a rank that ended will not commit data any more. */
void bp_modexes_gone(struct bp_shepherd *shepherd);

#endif
