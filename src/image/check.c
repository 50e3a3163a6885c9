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

/* Head and tables in memory that is the caller's, and a view of them. */
static char *prologue_read(int fd, struct bp_image_view *ret_view, struct bp_error *err)
{
    auto_free struct bp_image_head *head = calloc(1, sizeof(*head));
    auto_free char *prologue = NULL;
    struct bp_image_layout layout;
    const char *problem;
    struct stat st;

    if (head == NULL) {
        bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
        return NULL;
    }
    if (read_all(fd, head, sizeof(*head), 0, err) < 0)
        return NULL;
    problem = bp_image_decode_head(head, &layout);
    if (problem == NULL && fstat(fd, &st) == 0 && (uint64_t)st.st_size < layout.bytes)
        problem = "it is too short";
    if (problem == NULL && (prologue = calloc(1, layout.data)) == NULL) {
        bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
        return NULL;
    }
    if (problem == NULL && read_all(fd, prologue, layout.data, 0, err) < 0)
        return NULL;
    if (problem == NULL)
        problem = bp_image_decode(prologue, layout.data, ret_view);
    if (problem == NULL)
        return bp_take_ptr(prologue);
    wrong(problem, err);
    return NULL;
}

int bp_image_check(int fd, struct bp_image_head *ret_head, struct bp_error *err)
{
    struct bp_image_view view;
    auto_free char *prologue = prologue_read(fd, &view, err);

    if (prologue == NULL)
        return err->code;
    if (ret_head != NULL)
        *ret_head = *view.head;
    return 0;
}

struct bp_image_pending *bp_image_pending_read(int fd, uint32_t *ret_count, struct bp_error *err)
{
    struct bp_image_view view;
    auto_free char *prologue = prologue_read(fd, &view, err);
    struct bp_image_pending *pending;

    if (prologue == NULL)
        return NULL;
    pending = calloc(view.head->pending + 1, sizeof(*pending));
    if (pending == NULL) {
        bp_error_set(err, -ENOMEM, "there is no memory for the image's signals");
        return NULL;
    }
    memcpy(pending, view.pending, view.head->pending * sizeof(*pending));
    *ret_count = view.head->pending;
    return pending;
}
