// sources: src/nodeagent/image.c src/image/check.c src/image/decode.c src/image/elf.c
// src/common/mem.c src/common/error.c src/common/log.c src/proto/bpmix.pb-c.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_piece.c - an image that comes to a node in any pieces, with any digests, from the launcher or
 * the node above: what is taken stays within what was sent and checked, and ends once. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/log.h"
#include "image/image.h"
#include "nodeagent/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tree { /* of image.c's calls: what they were */
    int launchers, stopped, refused;
};

static unsigned gone; /* how often the ranks were told to start */

void space_go(struct space *space)
{
    gone++;
    if (!space->image.whole && space->image.failed.code == 0)
        abort();
    space->image.given = 1;
    image_spare(space);
}

void data_send(struct space *space, unsigned kind, unsigned channel, uint32_t rank,
               const void *body, size_t length)
{
    (void)channel, (void)rank, (void)body;
    if (kind != BP_STREAM_HAVE || length != 0 || space->tree == NULL)
        abort();
}

int tree_is_launchers(const struct space *space)
{
    return space->tree->launchers;
}

void tree_pause(struct space *space, int paused)
{
    (void)space, (void)paused;
}

void tree_pass(struct space *space)
{
    if (space->image.checked > space->image.got)
        abort();
}

int tree_refuse(struct space *space)
{
    space->tree->refused = space->tree->launchers = 1;
    image_back(space);
    return 0;
}

void tree_stop(struct space *space)
{
    if (space->tree != NULL)
        space->tree->stopped = 1;
}

int tree_is_needed(const struct space *space)
{
    (void)space;
    return 0;
}

/* Nobody is below. */
size_t bp_stream_backlog(const struct bp_stream *stream)
{
    (void)stream;
    abort();
}

void bp_stream_send(struct bp_stream *stream, const struct bp_stream_head *head, const void *body)
{
    (void)stream, (void)head, (void)body;
    abort();
}

/* The digests of what would be the next piece, so that right ones are met, too. */
static int right_digest(struct space *space)
{
    static uint8_t bytes[BP_STREAM_PIECE_BYTES];
    uint8_t digest[EVP_MAX_MD_SIZE];
    ssize_t got = space->image.fd >= 0 ? pread(space->image.fd, bytes, sizeof bytes,
                                               (off_t)space->image.checked) : 0;
    EVP_Digest(bytes, got > 0 ? (size_t)got : 0, digest, NULL, EVP_sha256(), NULL);
    return image_digests(space, digest, BP_STREAM_DIGEST_BYTES);
}

static void look(const struct space *space, int r)
{
    struct stat st;
    if (space->image.checked > space->image.got || (space->image.whole && gone != 1) || gone > 1)
        abort();
    if (space->image.fd >= 0 &&
        (fstat(space->image.fd, &st) < 0 || (uint64_t)st.st_size != space->image.got))
        abort();
    if (space->tree == NULL && r == 0 && space->image.failed.code == 0 &&
        space->image.checked != space->image.got)
        abort();
    if (space->image.whole && space->image.got != space->image.bytes)
        abort();
}

/* One order of the input: 2 bytes of what and how much, then perhaps the bytes themselves. */
static size_t order(struct space *space, const uint8_t *data, size_t size, int *ret_r)
{
    size_t length = (size_t)(data[0] >> 3) * 256 + data[1];
    size_t there = size - 2 < length ? size - 2 : length;
    static const uint8_t zeros[BP_STREAM_DATA_MAX];
    switch (data[0] & 7) {
    case 0:
    case 1:
        *ret_r = there > 0 ? image_piece(space, data + 2, there) : 0;
        return 2 + there;
    case 2:
        *ret_r = image_piece(space, zeros, length == 0 ? sizeof zeros : length);
        return 2;
    case 3:
        *ret_r = image_piece(space, NULL, 0);
        return 2;
    case 4:
        there = there / BP_STREAM_DIGEST_BYTES * BP_STREAM_DIGEST_BYTES;
        *ret_r = image_digests(space, data + 2, there);
        return 2 + there;
    case 5:
        if (space->tree != NULL)
            *ret_r = right_digest(space);
        return 2;
    case 6:
        image_lost(space);
        return 2;
    default:
        if (space->tree != NULL && image_is_due(space))
            tree_refuse(space);
        return 2;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent agent;
    Bpmix__SpaceOpen open = BPMIX__SPACE_OPEN__INIT;
    struct tree tree = {0};
    struct space space = {.agent = &agent, .open = &open, .state = SPACE_READY, .image.fd = -1};
    int r = 0;
    if (size < 1)
        return 0;
    bp_log_init("fuzz", BP_LOG_ERROR);
    open.start = data[0] & 3;
    space.tree = (data[0] & 4) != 0 && open.start != BPMIX__START__EXEC ? &tree : NULL;
    gone = 0;
    agent.spaces = NULL;
    data++, size--;
    while (size >= 2 && r == 0) {
        size_t used = order(&space, data, size, &r);
        if (open.start == BPMIX__START__EXEC && space.image.got > 0)
            abort();
        look(&space, r);
        data += used;
        size -= used;
    }
    image_free(&space);
    return 0;
}
