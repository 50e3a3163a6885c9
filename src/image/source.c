/* SPDX-License-Identifier: BSD-3-Clause */
/* source.c - see source.h, and image.h for what other rooms call. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yama.h"
#include "image/source.h"

#define PIECE (256u << 10)
#define TRIES   1000 /* a millisecond each, but for the first */
#define AT_ONCE 200

/* Where Yama asks for it, a copy first has to say that it may be read. */
int bp_source_open(pid_t source, struct bp_error *err)
{
    char path[64];
    int fd, code;

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)source);
    for (int tries = 0;; tries++) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        code = -errno;
        if (code != -EACCES || tries == TRIES || bp_yama_scope() != 1)
            break;
        if (tries < AT_ONCE)
            sched_yield();
        else
            poll(NULL, 0, 1);
    }
    return bp_error_set(err, code, "a copy of the process cannot be read: %s%s", strerror(-code),
                        bp_yama_why());
}

int bp_image_make(void *prologue, size_t bytes, pid_t source, int hold_fd, int memory_fd,
                  void (*release)(pid_t source), struct bp_image **ret_image, struct bp_error *err)
{
    struct bp_image *image = calloc(1, sizeof(*image));
    const char *problem;

    if (image == NULL) {
        free(prologue);
        return bp_error_set(err, -ENOMEM, "there is no memory for the image");
    }
    problem = bp_image_decode(prologue, bytes, &image->view);
    if (problem != NULL) {
        free(image);
        free(prologue);
        return bp_error_set(err, -EBADMSG, "the image is wrong: %s", problem);
    }
    image->prologue = prologue;
    image->source = source;
    image->hold_fd = hold_fd;
    image->memory_fd = memory_fd >= 0 ? memory_fd : bp_source_open(source, NULL);
    image->release = release;
    image->run_offset = image->view.layout.data;
    *ret_image = image;
    return 0;
}

void bp_image_free(struct bp_image *image)
{
    if (image == NULL)
        return;
    if (image->hold_fd >= 0)
        close(image->hold_fd);
    if (image->memory_fd >= 0)
        close(image->memory_fd);
    if (image->release != NULL)
        image->release(image->source);
    free(image->prologue);
    free(image);
}

const void *bp_image_prologue(const struct bp_image *image, size_t *ret_bytes)
{
    *ret_bytes = image->view.layout.data;
    return image->prologue;
}

uint64_t bp_image_bytes(const struct bp_image *image)
{
    return image->view.layout.bytes;
}

const struct bp_image_head *bp_image_head(const struct bp_image *image)
{
    return image->view.head;
}

const struct bp_image_pending *bp_image_pending(const struct bp_image *image, uint32_t *ret_count)
{
    *ret_count = image->view.head->pending;
    return image->view.pending;
}

/* Make `run` the one that holds this offset, which is one of a page of the image. */
static void run_seek(struct bp_image *image, uint64_t offset)
{
    if (offset < image->run_offset) {
        image->run = 0;
        image->run_offset = image->view.layout.data;
    }
    for (;;) {
        uint64_t bytes = image->view.runs[image->run].pages * BP_IMAGE_PAGE;
        if (offset - image->run_offset < bytes)
            return;
        image->run_offset += bytes;
        image->run++;
    }
}

static bool is_carried(const struct bp_image *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->view.head->areas; i++)
        if (address < image->view.areas[i].end)
            return (image->view.areas[i].flags & BP_AREA_CARRIED) != 0;
    return false;
}

/* Nothing of the pages at this address can be read. One page of zeros when it lies beyond the end
 * of a file that became shorter. */
static ssize_t unreadable(const struct bp_image *image, void *buffer, size_t size, uint64_t address,
                          int code, struct bp_error *err)
{
    size_t rest = BP_IMAGE_PAGE - address % BP_IMAGE_PAGE;

    if (image->memory_fd < 0)
        return bp_error_set(err, -EPERM, "the captured process must not be read from here");
    if (code == 0)
        return bp_error_set(err, -ESRCH, "the captured process is gone");
    if (!is_carried(image, address))
        return bp_error_set(err, code, "memory at %#lx cannot be read: %s",
                            (unsigned long)address, strerror(-code));
    if (size < rest)
        rest = size;
    memset(buffer, 0, rest);
    return (ssize_t)rest;
}

/* By its file, not by process_vm_readv(): that gives the source a page of its own for each page
 * that it still shares with the process it is a copy of. */
static ssize_t pages_read(struct bp_image *image, void *buffer, size_t size, uint64_t offset,
                          struct bp_error *err)
{
    const struct bp_image_run *run;
    uint64_t skip, bytes;
    ssize_t n;

    run_seek(image, offset);
    run = &image->view.runs[image->run];
    skip = offset - image->run_offset;
    bytes = run->pages * BP_IMAGE_PAGE - skip;
    if (bytes > size)
        bytes = size;
    do {
        n = pread(image->memory_fd, buffer, bytes, (off_t)(run->start + skip));
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    return unreadable(image, buffer, bytes, run->start + skip, n < 0 ? -errno : 0, err);
}

ssize_t bp_image_read(struct bp_image *image, void *buffer, size_t size, uint64_t offset,
                      struct bp_error *err)
{
    const struct bp_image_layout *layout = &image->view.layout;
    size_t done = 0;

    if (offset >= layout->bytes)
        return 0;
    if (size > layout->bytes - offset)
        size = layout->bytes - offset;
    if (offset < layout->data) {
        done = size < layout->data - offset ? size : layout->data - offset;
        memcpy(buffer, (const char *)image->prologue + offset, done);
    }
    while (done < size) {
        ssize_t n = pages_read(image, (char *)buffer + done, size - done, offset + done, err);
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int bp_image_write(struct bp_image *image, int fd, struct bp_error *err)
{
    auto_free char *piece = malloc(PIECE);
    uint64_t offset = 0;
    ssize_t n, written;

    if (piece == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory to write the image");
    while ((n = bp_image_read(image, piece, PIECE, offset, err)) > 0) {
        for (ssize_t done = 0; done < n; done += written) {
            written = write(fd, piece + done, (size_t)(n - done));
            if (written < 0 && errno == EINTR)
                written = 0;
            if (written < 0)
                return bp_error_set(err, -errno, "the image cannot be written: %s",
                                    strerror(errno));
        }
        offset += (uint64_t)n;
    }
    return (int)n;
}

int bp_image_pass(const struct bp_image *image, int *ret_prologue_fd, pid_t *ret_source,
                  int *ret_hold_fd, struct bp_error *err)
{
    auto_close int fd = memfd_create("bpmix-prologue", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    uint64_t bytes = image->view.layout.data, done = 0;

    while (fd >= 0 && done < bytes) {
        ssize_t n = write(fd, (const char *)image->prologue + done, bytes - done);
        if (n < 0)
            return bp_error_set(err, -errno, "no memory file for the image: %s", strerror(errno));
        done += (uint64_t)n;
    }
    if (fd < 0 || fcntl(fd, F_ADD_SEALS, BP_IMAGE_SEALS) < 0)
        return bp_error_set(err, -errno, "no memory file for the image: %s", strerror(errno));
    *ret_prologue_fd = bp_take_fd(fd);
    *ret_source = image->source;
    *ret_hold_fd = image->hold_fd;
    return 0;
}

int bp_image_take(int prologue_fd, pid_t source, int hold_fd, struct bp_image **ret_image,
                  struct bp_error *err)
{
    struct stat st;
    uint64_t done = 0;
    char *prologue;
    ssize_t n = 1;

    if (fstat(prologue_fd, &st) < 0 || st.st_size < (off_t)BP_IMAGE_PAGE)
        return bp_error_set(err, -EBADMSG, "the image's tables are not there");
    prologue = calloc(1, (size_t)st.st_size);
    if (prologue == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
    while (done < (uint64_t)st.st_size && n > 0) {
        n = pread(prologue_fd, prologue + done, (size_t)st.st_size - done, (off_t)done);
        done += n > 0 ? (uint64_t)n : 0;
    }
    return bp_image_make(prologue, done, source, hold_fd, -1, NULL, ret_image, err);
}
