/* SPDX-License-Identifier: BSD-3-Clause */
/* source.c - see source.h, and image.h for what other rooms call. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/source.h"

#define PIECE   (256u << 10)
#define VECTORS 64

int bp_image_make(void *prologue, size_t bytes, pid_t source, int hold_fd,
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
    image->memory_fd = -1;
    image->alive_fd = (int)syscall(SYS_pidfd_open, source, 0);
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
    if (image->alive_fd >= 0)
        close(image->alive_fd);
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

/* Bytes of one page that the call for whole areas cannot read: of memory without PROT_READ, or
 * beyond the end of a file that became shorter. */
static ssize_t page_read(struct bp_image *image, void *buffer, size_t size, uint64_t address,
                         struct bp_error *err)
{
    size_t rest = BP_IMAGE_PAGE - address % BP_IMAGE_PAGE;
    char path[64];
    ssize_t n;

    if (image->memory_fd < 0) {
        snprintf(path, sizeof(path), "/proc/%d/mem", (int)image->source);
        image->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    n = image->memory_fd < 0 ? -1 : pread(image->memory_fd, buffer, size < rest ? size : rest,
                                          (off_t)address);
    if (n > 0)
        return n;
    if (image->memory_fd < 0 || !is_carried(image, address))
        return bp_error_set(err, n < 0 ? -errno : -EIO, "memory at %#lx cannot be read: %s",
                            (unsigned long)address, n < 0 ? strerror(errno) : "it is gone");
    memset(buffer, 0, size < rest ? size : rest);
    return (ssize_t)(size < rest ? size : rest);
}

/* Whether the source was there all the time until now. */
static bool is_alive(const struct bp_image *image)
{
    struct pollfd end = {.fd = image->alive_fd, .events = POLLIN};

    if (poll(&end, 1, 0) == 0)
        return true;
    errno = ESRCH;
    return false;
}

static ssize_t pages_read(struct bp_image *image, void *buffer, size_t size, uint64_t offset,
                          struct bp_error *err)
{
    struct iovec to = {buffer, 0}, from[VECTORS];
    uint64_t run, skip;
    int count = 0;
    ssize_t n;

    run_seek(image, offset);
    skip = offset - image->run_offset;
    for (run = image->run; run < image->view.head->runs && count < VECTORS && to.iov_len < size;
         run++, skip = 0) {
        uint64_t bytes = image->view.runs[run].pages * BP_IMAGE_PAGE - skip;
        if (bytes > size - to.iov_len)
            bytes = size - to.iov_len;
        from[count].iov_base = (void *)(uintptr_t)(image->view.runs[run].start + skip);
        from[count++].iov_len = bytes;
        to.iov_len += bytes;
    }
    n = process_vm_readv(image->source, &to, 1, from, (unsigned long)count, 0);
    if (!is_alive(image))
        n = -1;
    if (n > 0)
        return n;
    if (n < 0 && errno == ESRCH)
        return bp_error_set(err, -ESRCH, "the captured process is gone");
    if (n < 0 && errno != EFAULT && errno != EPERM) /* not even for who may read it by file */
        return bp_error_set(err, -errno, "the captured process cannot be read: %s",
                            strerror(errno));
    return page_read(image, buffer, from[0].iov_len, (uint64_t)from[0].iov_base, err);
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
    if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
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
    return bp_image_make(prologue, done, source, hold_fd, NULL, ret_image, err);
}
