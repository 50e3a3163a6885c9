/* SPDX-License-Identifier: BSD-3-Clause */
/* codec.c - PMIx values as bytes, decoded strictly. */
#include <endian.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "common/mem.h"
#include "pmix/codec.h"

#define HEAD sizeof(uint16_t)

/* Bytes of a scalar, which libpmix keeps at the start of the union; 0 = not a scalar. */
static size_t scalar_bytes(pmix_data_type_t type)
{
    switch (type) {
    case PMIX_BOOL:
        return sizeof(bool);
    case PMIX_BYTE:
    case PMIX_INT8:
    case PMIX_UINT8:
    case PMIX_PERSIST:
    case PMIX_SCOPE:
    case PMIX_DATA_RANGE:
    case PMIX_PROC_STATE:
        return 1;
    case PMIX_INT16:
    case PMIX_UINT16:
        return 2;
    case PMIX_INT:
    case PMIX_UINT:
    case PMIX_INT32:
    case PMIX_UINT32:
    case PMIX_FLOAT:
    case PMIX_PID:
    case PMIX_STATUS:
    case PMIX_PROC_RANK:
        return 4;
    case PMIX_INT64:
    case PMIX_UINT64:
    case PMIX_SIZE:
    case PMIX_DOUBLE:
    case PMIX_TIME:
        return 8;
    case PMIX_TIMEVAL:
        return sizeof(struct timeval);
    default:
        return 0;
    }
}

struct chunk { /* borrowed bytes */
    const void *bytes;
    size_t length;
};

static pmix_status_t chunks_of(const pmix_value_t *value, uint32_t *rank, struct chunk chunks[2])
{
    size_t scalar = scalar_bytes(value->type);
    if (scalar > 0) {
        chunks[0] = (struct chunk){&value->data, scalar};
        return PMIX_SUCCESS;
    }
    switch (value->type) {
    case PMIX_STRING:
        if (value->data.string != NULL)
            chunks[0] = (struct chunk){value->data.string, strlen(value->data.string)};
        return PMIX_SUCCESS;
    case PMIX_BYTE_OBJECT:
        chunks[0] = (struct chunk){value->data.bo.bytes, value->data.bo.size};
        return PMIX_SUCCESS;
    case PMIX_PROC:
        if (value->data.proc == NULL)
            return PMIX_ERR_BAD_PARAM;
        *rank = htole32(value->data.proc->rank);
        chunks[0] = (struct chunk){rank, sizeof *rank};
        chunks[1] = (struct chunk){value->data.proc->nspace,
                                   strnlen(value->data.proc->nspace, PMIX_MAX_NSLEN)};
        return PMIX_SUCCESS;
    default:
        return PMIX_ERR_NOT_SUPPORTED;
    }
}

pmix_status_t bp_value_encode(const pmix_value_t *value, uint8_t **ret_bytes, size_t *ret_length)
{
    uint32_t rank;
    struct chunk chunks[2] = {{NULL, 0}, {NULL, 0}};
    pmix_status_t status = chunks_of(value, &rank, chunks);
    if (status != PMIX_SUCCESS)
        return status;
    size_t length = HEAD + chunks[0].length + chunks[1].length;
    uint8_t *bytes = bp_calloc(1, length), *p = bytes + HEAD;
    uint16_t type = htole16(value->type);
    memcpy(bytes, &type, sizeof type);
    for (int i = 0; i < 2; i++) {
        if (chunks[i].length > 0)
            memcpy(p, chunks[i].bytes, chunks[i].length);
        p += chunks[i].length;
    }
    *ret_bytes = bytes;
    *ret_length = length;
    return PMIX_SUCCESS;
}

static char *copy_string(const uint8_t *bytes, size_t length)
{
    char *s = bp_calloc(1, length + 1);
    memcpy(s, bytes, length);
    return s;
}

static pmix_status_t decode_proc(const uint8_t *bytes, size_t length, pmix_value_t *value)
{
    uint32_t rank;
    if (length < sizeof rank || length - sizeof rank > PMIX_MAX_NSLEN ||
        memchr(bytes + sizeof rank, 0, length - sizeof rank) != NULL)
        return PMIX_ERR_UNPACK_FAILURE;
    memcpy(&rank, bytes, sizeof rank);
    value->data.proc = bp_calloc(1, sizeof *value->data.proc);
    value->data.proc->rank = le32toh(rank);
    memcpy(value->data.proc->nspace, bytes + sizeof rank, length - sizeof rank);
    return PMIX_SUCCESS;
}

static pmix_status_t decode_scalar(const uint8_t *bytes, size_t length, pmix_value_t *value)
{
    if (length != scalar_bytes(value->type) || (value->type == PMIX_BOOL && bytes[0] > 1))
        return PMIX_ERR_UNPACK_FAILURE;
    memcpy(&value->data, bytes, length);
    return PMIX_SUCCESS;
}

pmix_status_t bp_value_decode(const uint8_t *bytes, size_t length, pmix_value_t *ret_value)
{
    uint16_t type;
    if (length < HEAD)
        return PMIX_ERR_UNPACK_FAILURE;
    memcpy(&type, bytes, sizeof type);
    bytes += HEAD;
    length -= HEAD;
    pmix_value_t value = {.type = le16toh(type)};
    pmix_status_t status = PMIX_SUCCESS;
    switch (value.type) {
    case PMIX_STRING:
        if (memchr(bytes, 0, length) != NULL)
            return PMIX_ERR_UNPACK_FAILURE;
        value.data.string = copy_string(bytes, length);
        break;
    case PMIX_BYTE_OBJECT:
        value.data.bo.bytes = copy_string(bytes, length);
        value.data.bo.size = length;
        break;
    case PMIX_PROC:
        status = decode_proc(bytes, length, &value);
        break;
    default:
        if (scalar_bytes(value.type) == 0)
            return PMIX_ERR_UNPACK_FAILURE;
        status = decode_scalar(bytes, length, &value);
    }
    if (status == PMIX_SUCCESS)
        *ret_value = value;
    return status;
}

int bp_value_is_true(const pmix_value_t *value)
{
    if (value->type == PMIX_UNDEF)
        return 1; /* the presence of the key is what is meant */
    return value->type == PMIX_BOOL ? value->data.flag : 1;
}

uint32_t bp_value_number(const pmix_value_t *value)
{
    size_t size = scalar_bytes(value->type);
    uint64_t number = 0;
    if (value->type == PMIX_FLOAT || value->type == PMIX_DOUBLE || size == 0 || size > 8)
        return 0;
    memcpy(&number, &value->data, size);
    if (value->type == PMIX_INT && value->data.integer < 0)
        return 0;
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}
