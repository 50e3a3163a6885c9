/* SPDX-License-Identifier: BSD-3-Clause */
/* turns.c - one rank's output after the other's, in their order, however they come.
 *
 * The rank whose turn it is writes through. What the others say meanwhile is kept in one file
 * without a name; memory only knows the pieces of each rank in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/turns.h"

#define PIECE_MAX 65536

struct piece {
    uint64_t offset;
    uint32_t length;
    uint8_t channel;
};

struct kept { /* of one rank */
    struct piece *pieces;
    size_t count, room, told;
    uint8_t ended[2]; /* by channel - 1 */
};

struct turns {
    struct output *output;
    const struct ranks *all;
    struct kept *ranks;
    uint32_t count, now; /* now: whose turn it is; count = everybody has had it */
    int dividers, divided;
    int file;      /* -1 = nothing has been kept yet */
    uint64_t used; /* of the file */
    int error;     /* errno: something could not be kept */
};

static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || *folder == '\0')
        folder = "/tmp";
    auto_free char *name = bp_format("%s/bpmix-XXXXXX", folder);
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t put = pwrite(fd, bytes, length, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -ENOSPC;
        bytes += put;
        length -= (size_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

static void keep(struct turns *turns, struct kept *kept, unsigned channel, const uint8_t *bytes,
                 size_t length)
{
    if (turns->file < 0)
        turns->file = open_file();
    int r = turns->file < 0 ? -errno : write_all(turns->file, bytes, length, turns->used);
    if (r < 0) {
        turns->error = turns->error != 0 ? turns->error : -r;
        return;
    }
    struct piece *last = kept->count > 0 ? &kept->pieces[kept->count - 1] : NULL;
    uint64_t offset = turns->used;
    turns->used += length;
    if (last != NULL && last->channel == channel && last->offset + last->length == offset &&
        last->length + length <= PIECE_MAX) {
        last->length += (uint32_t)length;
        return;
    }
    if (kept->count == kept->room) {
        kept->room = kept->room > 0 ? kept->room * 2 : 8;
        kept->pieces = bp_realloc(kept->pieces, kept->room, sizeof *kept->pieces);
    }
    kept->pieces[kept->count++] = (struct piece){
        .offset = offset, .length = (uint32_t)length, .channel = (uint8_t)channel};
}

static void divide(struct turns *turns)
{
    char line[80];
    if (turns->divided || !turns->dividers || turns->now == turns->count)
        return;
    turns->divided = 1;
    int used = snprintf(line, sizeof line, "--- %.60s ", ranks_node_name(turns->all, turns->now));
    memset(line + used, '-', sizeof line - 1 - (size_t)used);
    line[sizeof line - 1] = '\0';
    output_line(turns->output, line);
}

static void tell(struct turns *turns, const struct piece *piece)
{
    static uint8_t bytes[PIECE_MAX];
    for (uint32_t done = 0; done < piece->length;) {
        ssize_t got = pread(turns->file, bytes + done, piece->length - done,
                            (off_t)(piece->offset + done));
        if (got <= 0) {
            turns->error = got < 0 ? errno : EIO;
            return;
        }
        done += (uint32_t)got;
    }
    output_bytes(turns->output, turns->now, piece->channel, bytes, piece->length);
}

/* Go on as far as the output's readers follow (all: wait for them), and to the next ranks as far as
 * they have ended (all: or not). */
static void go_on(struct turns *turns, int all)
{
    while (turns->now < turns->count && (all || !output_is_full(turns->output))) {
        struct kept *kept = &turns->ranks[turns->now];
        if (output_is_full(turns->output))
            output_flush(turns->output);
        divide(turns);
        if (kept->told < kept->count) {
            tell(turns, &kept->pieces[kept->told++]);
            continue;
        }
        if (!all && !(kept->ended[0] && kept->ended[1]))
            return;
        for (unsigned channel = 1; channel <= 2; channel++)
            output_bytes(turns->output, turns->now, channel, NULL, 0);
        turns->now++;
        turns->divided = 0;
    }
}

static void on_room(void *arg)
{
    go_on(arg, 0);
}

struct turns *turns_new(struct output *output, const struct ranks *ranks, int dividers)
{
    struct turns *turns = bp_calloc(1, sizeof *turns);
    *turns = (struct turns){.output = output, .all = ranks, .dividers = dividers, .file = -1,
                            .count = ranks_count(ranks)};
    turns->ranks = bp_calloc(turns->count, sizeof *turns->ranks);
    output_on_room(output, on_room, turns);
    return turns;
}

void turns_bytes(struct turns *turns, uint32_t rank, unsigned channel, const uint8_t *bytes,
                 size_t length)
{
    struct kept *kept = &turns->ranks[rank];
    if (rank < turns->now) { /* it went to another node: the end there was not its last word */
        if (length > 0)
            output_bytes(turns->output, rank, channel, bytes, length);
        return;
    }
    if (length == 0) {
        kept->ended[channel - 1] = 1;
        go_on(turns, 0);
    } else if (rank == turns->now && kept->told == kept->count) {
        divide(turns);
        output_bytes(turns->output, rank, channel, bytes, length);
    } else {
        keep(turns, kept, channel, bytes, length);
    }
}

void turns_gone(struct turns *turns, uint32_t rank)
{
    turns->ranks[rank].ended[0] = turns->ranks[rank].ended[1] = 1;
    go_on(turns, 0);
}

int turns_finish(struct turns *turns, struct bp_error *err)
{
    if (turns == NULL)
        return 0;
    go_on(turns, 1);
    if (turns->error != 0)
        return bp_error_set(err, -turns->error, "part of the output is lost: it could not be kept "
                            "in a file in %s: %s", getenv("TMPDIR") != NULL ? "$TMPDIR" : "/tmp",
                            strerror(turns->error));
    return 0;
}

void turns_free(struct turns *turns)
{
    if (turns == NULL)
        return;
    for (uint32_t i = 0; i < turns->count; i++)
        free(turns->ranks[i].pieces);
    if (turns->file >= 0)
        close(turns->file);
    free(turns->ranks);
    free(turns);
}
