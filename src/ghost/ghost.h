/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost.h - what a ghost and the canary do all their life. */
#ifndef BP_GHOST_GHOST_H
#define BP_GHOST_GHOST_H

/* Entry of the process in this place of the herd: the argument is the slot, or BP_HERD_CANARY. */
void bp_ghost_run(void *place);

#endif
