/* SPDX-License-Identifier: BSD-3-Clause */
/* brood.h - children that ghosts get on bpmaster's order: what a process on a node has created
 * elsewhere. */
#ifndef BP_GHOST_BROOD_H
#define BP_GHOST_BROOD_H

#include <stdint.h>

#include "proto/ghost_record.h"

struct bp_herder;

/* In the ghost of this place: make what its brood names. */
void bp_brood_make(uint32_t place);
/* There: tell what became of them. */
void bp_brood_reap(uint32_t place);

/* In the herder. MAKE has come; a child is there; it could not be made; its parent is dead, or has
 * come home; its parent has told of it. */
void bp_brood_order(struct bp_herder *herder, const struct bp_ghost_record *make);
void bp_brood_born(struct bp_herder *herder, uint32_t slot);
void bp_brood_unmade(struct bp_herder *herder, uint32_t slot, int32_t error);
void bp_brood_orphan(struct bp_herder *herder, uint32_t parent);
void bp_brood_told(struct bp_herder *herder, const struct bp_ghost_record *record);
/* It was apart: it is gone. */
void bp_brood_gone(struct bp_herder *herder, uint32_t slot, int32_t status);

#endif
