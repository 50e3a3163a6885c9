/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - the image that a job's ranks start from: it comes into a memory file, is sealed and
 * checked, and goes to bpspace with each CREATE. Whatever is wrong with it is the reason why the
 * ranks fail. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/log.h"
#include "common/mem.h"
#include "image/image.h"
#include "nodeagent/agent.h"

#define PIECE       BP_STREAM_PIECE_BYTES
#define AHEAD_BYTES (2 * PIECE)  /* of digests, where the sender can be told to pause */
#define AHEAD_MOST  (16 * PIECE) /* where it cannot */
#define BACKLOG_BYTES (BP_STREAM_HIGH / 2)

int image_is_due(const struct space *space)
{
    return space->open->start != BPMIX__START__EXEC && !space->image.whole &&
           space->image.failed.code == 0;
}

static void close_file(struct space *space)
{
    if (space->image.fd >= 0)
        close(space->image.fd);
    space->image.fd = -1;
}

static int make_file(struct space *space)
{
    if (space->image.fd < 0)
        space->image.fd = memfd_create("bpmix-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return space->image.fd < 0 ? -errno : 0;
}

/* ---- who waits for it ---- */

int image_gate(struct space *space, size_t processes, int *ret_gate)
{
    int pair[2], r = make_file(space);
    if (r < 0 || space->image.gate >= 0)
        return r < 0 ? r : -EEXIST;
    if (processes > PIPE_BUF || pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
        return -EAGAIN;
    fcntl(pair[0], F_SETFL, 0); /* those who wait do; we never */
    space->image.gate = pair[1];
    space->image.at_gate = processes;
    *ret_gate = pair[0];
    return 0;
}

static void close_gate(struct space *space)
{
    if (space->image.gate >= 0)
        close(space->image.gate);
    space->image.gate = -1;
}

/* All of it is written at once, as the pipe is empty. */
static void open_gate(struct space *space)
{
    static const char bytes[PIPE_BUF];
    if (space->image.gate < 0)
        return;
    ssize_t ignored = write(space->image.gate, bytes, space->image.at_gate);
    (void)ignored; /* they are all dead */
    close_gate(space);
    space->image.given = 1;
}

void image_free(struct space *space)
{
    close_gate(space);
    close_file(space);
    free(space->image.digests);
    space->image.digests = NULL;
}

void image_spare(struct space *space)
{
    if (space->image.given && !tree_is_needed(space))
        close_file(space);
}

static void fail(struct space *space, const struct bp_error *why)
{
    space->image.failed = *why;
    close_gate(space);
    close_file(space);
    tree_stop(space);
    tree_pass(space);
    if (space->tree != NULL)
        data_send(space, BP_STREAM_HAVE, 0, 0, NULL, 0);
    bp_log_warning("image-failed job=%" PRIx64 " why=\"%s\"", space->job, why->text);
    space_go(space);
}

void image_lost(struct space *space)
{
    struct bp_error err;
    if (!image_is_due(space) || space->state > SPACE_READY)
        return;
    bp_error_set(&err, -ECONNRESET,
                 "the launcher's data connection ended before the image was whole");
    fail(space, &err);
}

/* What this node can still hold, less what images on their way will take of it. */
static uint64_t free_bytes(const struct agent *agent)
{
    char line[128];
    uint64_t kib, room = 0, promised = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
            room = kib * 1024;
    if (file != NULL)
        fclose(file);
    for (const struct space *space = agent->spaces; space != NULL; space = space->hh.next)
        if (space->image.bytes > space->image.got)
            promised += space->image.bytes - space->image.got;
    return room > promised ? room - promised : 0;
}

/* The head is here: what it says is checked before more is taken. */
static int take_head(struct space *space, struct bp_error *err)
{
    static const uint32_t kinds[] = {[BPMIX__START__LD] = BP_IMAGE_LD,
                                     [BPMIX__START__ENTRY] = BP_IMAGE_ENTRY,
                                     [BPMIX__START__SELF] = BP_IMAGE_SELF};
    struct bp_image_head head;
    uint64_t bytes;
    if (pread(space->image.fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return bp_error_set(err, -EIO, "the image cannot be read back");
    int r = bp_image_head_check(&head, &bytes, err);
    if (r < 0)
        return r;
    if (head.kind != kinds[space->open->start])
        return bp_error_set(err, -EBADMSG, "an image of kind %u where kind %u was announced",
                            head.kind, kinds[space->open->start]);
    uint64_t room = free_bytes(space->agent);
    if (bytes > room)
        return bp_error_set(err, -ENOMEM, "an image of %" PRIu64 " MiB, and there is memory for "
                            "%" PRIu64, bytes >> 20, room >> 20);
    space->image.bytes = bytes;
    return 0;
}

/* All of it is here, if it is as long as it says. Nobody changes it any more, whoever holds it. */
static int finish(struct space *space, struct bp_error *err)
{
    if (space->image.got != space->image.bytes || space->image.bytes == 0)
        return bp_error_set(err, -EBADMSG, "the image ends after %" PRIu64 " bytes of %" PRIu64,
                            space->image.got, space->image.bytes);
    if (fcntl(space->image.fd, F_ADD_SEALS, BP_IMAGE_SEALS | F_SEAL_SEAL) < 0)
        return bp_error_set(err, -errno, "the image cannot be sealed: %s", strerror(errno));
    int r = bp_image_check(space->image.fd, NULL, err);
    space->image.whole = r == 0;
    return r;
}

static int append(struct space *space, const uint8_t *bytes, size_t length, struct bp_error *err)
{
    int r = make_file(space);
    if (r < 0)
        return bp_error_set(err, r, "no memory file for the image: %s", strerror(-r));
    while (length > 0) {
        ssize_t put = pwrite(space->image.fd, bytes, length, (off_t)space->image.got);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return bp_error_set(err, -errno, "the image cannot be stored: %s", strerror(errno));
        bytes += put;
        length -= (size_t)put;
        space->image.got += (size_t)put;
    }
    return 0;
}

/* The next piece is what the launcher said it is: 1; or its digest is not here yet: 0. -EILSEQ: it
 * is something else. */
static int check_piece(const struct space *space, size_t length, struct bp_error *err)
{
    static uint8_t bytes[PIECE];
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t place = space->image.checked / PIECE * BP_STREAM_DIGEST_BYTES;
    if (place >= space->image.digest_bytes)
        return 0;
    if (pread(space->image.fd, bytes, length, (off_t)space->image.checked) != (ssize_t)length ||
        EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return bp_error_set(err, -EIO, "the image cannot be read back");
    if (memcmp(digest, space->image.digests + place, BP_STREAM_DIGEST_BYTES) != 0)
        return bp_error_set(err, -EILSEQ, "a piece of the image is not what the launcher sent");
    return 1;
}

/* Move `checked` on. What comes from the launcher itself without digests needs no check. */
static int check(struct space *space, struct bp_error *err)
{
    int r = 0;
    while (r == 0 && space->image.checked < space->image.got) {
        uint64_t left = space->image.got - space->image.checked;
        size_t length = left < PIECE ? (size_t)left : PIECE;
        if (space->tree != NULL && length < PIECE && !space->image.ended)
            break;
        r = space->tree != NULL ? check_piece(space, length, err) : 1;
        if (r <= 0)
            break;
        space->image.checked += length;
        r = space->image.bytes == 0 && space->image.checked >= BP_IMAGE_PAGE ? take_head(space, err)
                                                                             : 0;
        if (r == 0 && space->image.bytes > 0 && space->image.checked > space->image.bytes)
            r = bp_error_set(err, -EMSGSIZE, "the image is longer than its head says");
    }
    return r;
}

/* Something new is here. */
static int look(struct space *space)
{
    struct bp_error err = {0};
    int r = check(space, &err);
    uint64_t ahead = space->image.got - space->image.checked;
    if (r == -EILSEQ && !tree_is_launchers(space))
        return r; /* from the node above: the launcher has the right one */
    if (r == 0 && ahead > AHEAD_MOST)
        r = bp_error_set(&err, -EMSGSIZE, "the image comes without its digests");
    if (r == 0 && space->image.ended && ahead == 0)
        r = finish(space, &err);
    if (r < 0) {
        fail(space, &err);
        return 0;
    }
    if (space->tree != NULL)
        tree_pause(space, ahead >= AHEAD_BYTES);
    tree_pass(space);
    if (!space->image.whole)
        return 0;
    tree_stop(space);
    if (space->tree != NULL)
        data_send(space, BP_STREAM_HAVE, 0, 0, NULL, 0);
    open_gate(space);
    image_spare(space);
    space_go(space);
    return 0;
}

int image_piece(struct space *space, const uint8_t *bytes, size_t length)
{
    struct bp_error err = {0};
    if (space->open->start == BPMIX__START__EXEC || space->image.whole)
        return -EPROTO;
    if (space->image.failed.code != 0)
        return 0; /* the launcher will hear */
    if (append(space, bytes, length, &err) < 0) {
        fail(space, &err);
        return 0;
    }
    space->image.ended |= length == 0;
    return look(space);
}

int image_digests(struct space *space, const uint8_t *bytes, size_t length)
{
    struct sysinfo memory;
    if (space->tree == NULL || sysinfo(&memory) < 0 ||
        space->image.digest_bytes / BP_STREAM_DIGEST_BYTES * PIECE / memory.mem_unit >
            memory.totalram)
        return -EPROTO; /* of more than this node could hold */
    if (!image_is_due(space) || length == 0)
        return 0;
    if (space->image.digest_bytes + length > space->image.digest_size) {
        space->image.digest_size = 2 * space->image.digest_size + length;
        space->image.digests = bp_realloc(space->image.digests, space->image.digest_size, 1);
    }
    memcpy(space->image.digests + space->image.digest_bytes, bytes, length);
    space->image.digest_bytes += length;
    return look(space) == -EILSEQ ? tree_refuse(space) : 0;
}

uint64_t image_back(struct space *space)
{
    space->image.got = space->image.checked;
    space->image.ended = 0;
    if (space->image.fd >= 0 && ftruncate(space->image.fd, (off_t)space->image.got) < 0)
        bp_log_warning("image-file why=\"%s\"", strerror(errno));
    return space->image.got;
}

/* ---- as what the nodes pass on ---- */

static uint64_t place(const struct space *space)
{
    return space->image.checked;
}

static int is_waiting(const struct space *space)
{
    return space->image.got == space->image.checked;
}

static int take_above(struct space *space, const struct bp_stream_head *head, const uint8_t *body)
{
    return head->kind == BP_STREAM_IMAGE ? image_piece(space, body, head->length) : -EPROTO;
}

static int feed_below(struct space *space, struct bp_stream *below, uint64_t *offset)
{
    static uint8_t bytes[BP_STREAM_DATA_MAX];
    if (space->image.failed.code != 0)
        return space->image.failed.code;
    while (bp_stream_backlog(below) < BACKLOG_BYTES) {
        uint64_t left = space->image.checked > *offset ? space->image.checked - *offset : 0;
        size_t length = left < sizeof bytes ? (size_t)left : sizeof bytes;
        if (length == 0 && !space->image.whole)
            return 0;
        if (length > 0 &&
            pread(space->image.fd, bytes, length, (off_t)*offset) != (ssize_t)length)
            return -EIO;
        bp_stream_send(below, &(struct bp_stream_head){.kind = BP_STREAM_IMAGE,
                                                       .length = (uint32_t)length}, bytes);
        *offset += length;
        if (length == 0)
            return 1;
    }
    return 0;
}

const struct tree_cargo image_cargo = {.want = BP_STREAM_WANT, .is_due = image_is_due,
                                       .place = place, .back = image_back,
                                       .is_waiting = is_waiting, .take = take_above,
                                       .feed = feed_below};
