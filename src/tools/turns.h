/* SPDX-License-Identifier: BSD-3-Clause */
/* turns.h - one rank's output after the other's, in their order, however they come. */
#ifndef BP_TOOLS_TURNS_H
#define BP_TOOLS_TURNS_H

#include "common/error.h"
#include "tools/output.h"

struct turns;

/* dividers: a line with the node's name before each rank's output, also if it has none. */
struct turns *turns_new(struct output *output, const struct ranks *ranks, int dividers);
/* As output_bytes: length 0 is the end of this rank's channel. */
void turns_bytes(struct turns *turns, uint32_t rank, unsigned channel, const uint8_t *bytes,
                 size_t length);
/* The rank could not be started: it will say nothing. */
void turns_gone(struct turns *turns, uint32_t rank);
/* No more will come: all that is kept goes to the output. An error if some could not be kept.
 * turns may be NULL. */
int turns_finish(struct turns *turns, struct bp_error *err);
void turns_free(struct turns *turns);

#endif
