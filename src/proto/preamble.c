/* SPDX-License-Identifier: BSD-3-Clause */
/* preamble.c - the first 32 bytes on a connection to bpmaster's port. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "proto/preamble.h"

static const uint8_t magic[4] = {'b', 'p', 'm', 'x'};

/* magic 0, version 4, kind 5, zero 6, node 8 (little endian), zero 12, id 16 */
void bp_preamble_encode(const struct bp_preamble *preamble, uint8_t bytes[BP_PREAMBLE_BYTES])
{
    memset(bytes, 0, BP_PREAMBLE_BYTES);
    memcpy(bytes, magic, sizeof magic);
    bytes[4] = preamble->version;
    bytes[5] = preamble->kind;
    uint32_t node = htole32((uint32_t)preamble->node);
    memcpy(bytes + 8, &node, sizeof node);
    memcpy(bytes + 16, preamble->id, sizeof preamble->id);
}

int bp_preamble_decode(const uint8_t bytes[BP_PREAMBLE_BYTES], struct bp_preamble *ret_preamble)
{
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return -EPROTO;
    uint32_t node;
    memcpy(&node, bytes + 8, sizeof node);
    *ret_preamble = (struct bp_preamble){
        .version = bytes[4], .kind = bytes[5], .node = (int32_t)le32toh(node)};
    memcpy(ret_preamble->id, bytes + 16, sizeof ret_preamble->id);
    return 0;
}
