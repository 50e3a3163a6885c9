/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - look at an image in a file as its restorer will. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/decode.h"
#include "image/image.h"

static int wrong(const char *problem, struct bp_error *err)
{
    return bp_error_set(err, -EBADMSG, "the image is wrong: %s", problem);
}

/* Read exactly size bytes. */
static int read_all(int fd, void *buffer, uint64_t size, uint64_t offset, struct bp_error *err)
{
    for (uint64_t done = 0; done < size;) {
        ssize_t n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bp_error_set(err, -errno, "the image cannot be read: %s", strerror(errno));
        if (n == 0)
            return wrong("it is too short", err);
        done += (uint64_t)n;
    }
    return 0;
}

int bp_image_head_check(const struct bp_image_head *head, uint64_t *ret_bytes, struct bp_error *err)
{
    struct bp_image_layout layout;
    const char *problem = bp_image_decode_head(head, &layout);

    if (problem != NULL)
        return wrong(problem, err);
    *ret_bytes = layout.bytes;
    return 0;
}

int bp_image_check(int fd, struct bp_image_head *ret_head, struct bp_error *err)
{
    auto_free struct bp_image_head *head = calloc(1, sizeof(*head));
    auto_free char *prologue = NULL;
    struct bp_image_layout layout;
    struct bp_image_view view;
    const char *problem;
    struct stat st;
    int rc;

    if (head == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
    rc = read_all(fd, head, sizeof(*head), 0, err);
    if (rc < 0)
        return rc;
    problem = bp_image_decode_head(head, &layout);
    if (problem != NULL)
        return wrong(problem, err);
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size < layout.bytes)
        return wrong("it is too short", err);
    prologue = calloc(1, layout.data);
    if (prologue == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
    rc = read_all(fd, prologue, layout.data, 0, err);
    if (rc < 0)
        return rc;
    problem = bp_image_decode(prologue, layout.data, &view);
    if (problem != NULL)
        return wrong(problem, err);
    if (ret_head != NULL)
        *ret_head = *view.head;
    return 0;
}
