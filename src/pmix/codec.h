/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.h - PMIx values as bytes and back.
 *
 * Our own few lines, not PMIx_Data_pack: a published value can come from another job, and
 * libpmix's unpacking is not made for hostile bytes. On the wire: the type in 2 bytes, little
 * endian, then the value: a scalar as in memory; a string without its NUL; a byte object's bytes;
 * a process as 4 bytes of rank and the nspace without NUL. Pure. */
#ifndef BP_PMIX_CODEC_H
#define BP_PMIX_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include <pmix_common.h>

/* The caller frees *ret_bytes. PMIX_ERR_NOT_SUPPORTED: a type other than scalars, strings, byte
 * objects and processes. */
pmix_status_t bp_value_encode(const pmix_value_t *value, uint8_t **ret_bytes, size_t *ret_length);

/* The caller destructs *ret_value. PMIX_ERR_UNPACK_FAILURE: not what bp_value_encode writes. */
pmix_status_t bp_value_decode(const uint8_t *bytes, size_t length, pmix_value_t *ret_value);

/* What a directive says: a boolean in any of the types that libraries use for one, a number. */
int bp_value_is_true(const pmix_value_t *value);
uint32_t bp_value_number(const pmix_value_t *value);

#endif
