/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - the image that a job's ranks start from: it comes on the data connection into a memory
 * file, is sealed and checked, and goes to bpspace with each CREATE. Whatever is wrong with it is
 * the reason why the ranks fail. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "image/image.h"
#include "nodeagent/agent.h"

int image_is_due(const struct space *space)
{
    return space->open->start != BPMIX__START__EXEC && !space->image.whole &&
           space->image.failed.code == 0;
}

void image_close(struct space *space)
{
    if (space->image.fd >= 0)
        close(space->image.fd);
    space->image.fd = -1;
}

static void fail(struct space *space, const struct bp_error *why)
{
    image_close(space);
    space->image.failed = *why;
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

/* Nobody changes it any more, whoever holds it. */
static int seal(struct space *space, struct bp_error *err)
{
    int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (fcntl(space->image.fd, F_ADD_SEALS, seals) < 0)
        return bp_error_set(err, -errno, "the image cannot be sealed: %s", strerror(errno));
    int r = bp_image_check(space->image.fd, NULL, err);
    space->image.whole = r == 0;
    return r;
}

static int append(struct space *space, const uint8_t *bytes, size_t length, struct bp_error *err)
{
    if (space->image.fd < 0)
        space->image.fd = memfd_create("bpmix-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (space->image.fd < 0)
        return bp_error_set(err, -errno, "no memory file for the image: %s", strerror(errno));
    while (length > 0) {
        ssize_t put = write(space->image.fd, bytes, length);
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

/* All of it is here, if it is as long as it says. */
static int finish(struct space *space, struct bp_error *err)
{
    if (space->image.got != space->image.bytes)
        return bp_error_set(err, -EBADMSG, "the image ends after %" PRIu64 " bytes of %" PRIu64,
                            space->image.got, space->image.bytes);
    return seal(space, err);
}

int image_piece(struct space *space, const uint8_t *bytes, size_t length)
{
    struct bp_error err = {0};
    if (space->open->start == BPMIX__START__EXEC || space->image.whole)
        return -EPROTO;
    if (space->image.failed.code != 0)
        return 0; /* the launcher will hear */
    int r = length > 0 ? append(space, bytes, length, &err) : finish(space, &err);
    if (r == 0 && space->image.bytes == 0 && space->image.got >= BP_IMAGE_PAGE)
        r = take_head(space, &err);
    if (r == 0 && space->image.bytes > 0 && space->image.got > space->image.bytes)
        r = bp_error_set(&err, -EMSGSIZE, "the image is longer than its head says");
    if (r < 0)
        fail(space, &err);
    else if (space->image.whole)
        space_go(space);
    return 0;
}
