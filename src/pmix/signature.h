/* SPDX-License-Identifier: BSD-3-Clause */
/* signature.h - what names a collective between shepherds: the kind and the participants.
 *
 * On the wire: one byte of kind, then the participating ranks, ascending, 4 bytes each, little
 * endian; no rank at all means all ranks of the job. Pure. */
#ifndef BP_PMIX_SIGNATURE_H
#define BP_PMIX_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmix_common.h>

enum bp_collective { BP_FENCE = 1, BP_CONNECT = 2, BP_DISCONNECT = 3 };

struct bp_signature {
    uint8_t *bytes;
    size_t length;
};

/* From libpmix's participants. PMIX_ERR_NOT_SUPPORTED: a process of another nspace;
 * PMIX_ERR_BAD_PARAM: no such rank. The caller frees ret->bytes. */
pmix_status_t bp_signature_make(enum bp_collective kind, const char *nspace, uint32_t rank_count,
                                const pmix_proc_t *procs, size_t count, struct bp_signature *ret);

/* Is this what bp_signature_make would have written for a job of rank_count ranks? */
bool bp_signature_check(const uint8_t *bytes, size_t length, uint32_t rank_count);

/* Number of participants, and the one at index i. */
size_t bp_signature_count(const struct bp_signature *signature, uint32_t rank_count);
uint32_t bp_signature_rank(const struct bp_signature *signature, size_t i);

#endif
