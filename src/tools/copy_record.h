/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_record.h - the stream between the two ends of bpcp: files, folders and links.
 *
 * First COPY_OPENING, then records: 16 bytes of head, little endian, and `length` bytes of body.
 *
 *     0     1       4        8       16
 *     | type | zero | length | value |  body
 *
 *     FILE   body: attributes, name; value: its size, for show    then DATA..., CLOSE or DROP
 *     DATA   body: 1 to COPY_DATA_MAX bytes; value: where they belong. Offsets ascend; what is left
 *            out is a hole
 *     CLOSE  value: the file's size. It is whole
 *     DROP   it could not be read to its end
 *     FOLDER body: attributes, name                               then what is in it, LEAVE
 *     LINK   body: attributes, name, target; value: length of the name
 *     END    all has been said; nothing follows
 *
 * The attributes are 32 bytes: mode (4), source (4), seconds of the last access and of the last
 * change (8, 8), their nanoseconds (4, 4). At the top of a tree the name is empty, and `source`
 * says which of the files that were asked for this is: the receiver knows its name. Below, a name
 * is one component of a path. So nothing that is sent can name a place outside of where it is
 * copied to. */
#ifndef BP_TOOLS_COPY_RECORD_H
#define BP_TOOLS_COPY_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/error.h"

#define COPY_OPENING          "bpcopy1\n"
#define COPY_OPENING_BYTES    8
#define COPY_HEAD_BYTES       16
#define COPY_ATTRIBUTES_BYTES 32
#define COPY_DATA_MAX         65536u
#define COPY_NAME_MAX         255u
#define COPY_TARGET_MAX       4095u
#define COPY_DEPTH_MAX        256 /* folders in folders */

enum copy_type {
    COPY_FILE = 1, COPY_DATA, COPY_CLOSE, COPY_DROP, COPY_FOLDER, COPY_LEAVE, COPY_LINK, COPY_END
};

struct copy_attributes {
    uint32_t mode;   /* permission bits, 07777 */
    uint32_t source; /* at the top: number of the source */
    struct timespec times[2]; /* last access, last change */
};

struct copy_record {
    enum copy_type type;
    uint64_t value;
    struct copy_attributes attributes;
    char name[COPY_NAME_MAX + 1];
    char target[COPY_TARGET_MAX + 1];
    const uint8_t *data; /* into the body */
    uint32_t length;
};

/* What may come next; zero at the beginning. */
struct copy_state {
    unsigned depth;
    int in_file, ended;
    uint64_t offset; /* end of the file's data so far */
};

void copy_attributes_of(const struct stat *st, uint32_t source,
                        struct copy_attributes *ret_attributes);

/* The head of a record, and for FILE, FOLDER and LINK the body, of at most
 * COPY_ATTRIBUTES_BYTES + COPY_NAME_MAX + COPY_TARGET_MAX bytes; returns the body's length. */
void copy_head_encode(enum copy_type type, uint32_t length, uint64_t value,
                      uint8_t head[COPY_HEAD_BYTES]);
size_t copy_body_encode(const struct copy_attributes *attributes, const char *name,
                        const char *target, uint8_t *body);

/* How long the body is: 0, or -EPROTO, longer than any may be. */
int copy_head_length(const uint8_t head[COPY_HEAD_BYTES], uint32_t *ret_length,
                     struct bp_error *err);
/* A record with its body: checked against its type and against what came before. -EPROTO. */
int copy_record_decode(struct copy_state *state, const uint8_t head[COPY_HEAD_BYTES],
                       const uint8_t *body, struct copy_record *ret_record, struct bp_error *err);

#endif
