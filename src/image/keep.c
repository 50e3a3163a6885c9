/* SPDX-License-Identifier: BSD-3-Clause */
/* keep.c - see keep.h. Runs before the copy is made, so it must not touch the program's heap: its
 * own memory is a mapping. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/format.h"
#include "image/keep.h"

#define PIECE 16384
#define ROOM  4096 /* bytes of the first mapping */

static const struct {
    char word[4];
    uint32_t flag;
} kept[] = {
    {" dc", BP_AREA_DONTFORK}, {" wf", BP_AREA_WIPEONFORK}, {" lo", BP_AREA_LOCKED},
};

/* Of the kernel's words those that a copy does not have: watched by userfaultfd. */
static const char watched[][4] = {" um", " uw", " ui"};

static int range_add(struct bp_keep *keep, const struct bp_keep_range *range,
                     struct bp_error *err)
{
    size_t bytes = keep->bytes == 0 ? ROOM : keep->bytes * 2;
    void *memory;

    if ((keep->count + 1) * sizeof(*range) > keep->bytes) {
        memory = keep->bytes == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                  : mremap(keep->ranges, keep->bytes, bytes, MREMAP_MAYMOVE);
        if (memory == MAP_FAILED)
            return bp_error_set(err, -errno, "no memory for a list of the process's memory");
        keep->ranges = memory;
        keep->bytes = bytes;
    }
    keep->ranges[keep->count++] = *range;
    return 0;
}

/* A line of smaps: of a mapping ("START-END ..."), or of something about it. */
static int line_read(struct bp_keep *keep, const char *line, struct bp_keep_range *range,
                     struct bp_error *err)
{
    char *at;

    if (strncmp(line, "VmFlags:", 8) != 0) {
        uint64_t start = strtoull(line, &at, 16);
        if (at > line && *at == '-')
            *range = (struct bp_keep_range){start, strtoull(at + 1, NULL, 16), 0};
        return 0;
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (strstr(line, kept[i].word) != NULL)
            range->flags |= kept[i].flag;
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
        if (strstr(line, watched[i]) != NULL)
            return bp_error_set(err, -EOPNOTSUPP, "memory watched by userfaultfd cannot travel");
    return range->flags == 0 ? 0 : range_add(keep, range, err);
}

static int lines_read(struct bp_keep *keep, int fd, struct bp_error *err)
{
    char text[PIECE];
    struct bp_keep_range range = {0};
    size_t used = 0;
    ssize_t n;
    int rc = 0;

    while (rc == 0 && (n = read(fd, text + used, sizeof(text) - used - 1)) != 0) {
        if (n < 0 && errno != EINTR)
            return bp_error_set(err, -errno, "/proc/self/smaps cannot be read: %s",
                                strerror(errno));
        used += n > 0 ? (size_t)n : 0;
        text[used] = '\0';
        char *line = text, *end;
        for (; rc == 0 && (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            rc = line_read(keep, line, &range, err);
        }
        used -= (size_t)(line - text);
        if (used == sizeof(text) - 1)
            return bp_error_set(err, -EBADMSG, "/proc/self/smaps has a line without end");
        memmove(text, line, used);
    }
    return rc;
}

int bp_keep_read(struct bp_keep *keep, struct bp_error *err)
{
    auto_close int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return bp_error_set(err, -errno, "/proc/self/smaps cannot be opened: %s", strerror(errno));
    return lines_read(keep, fd, err);
}

void bp_keep_done(struct bp_keep *keep)
{
    if (keep->bytes > 0)
        munmap(keep->ranges, keep->bytes);
}

static int advise(const struct bp_keep_range *range, int forked, int wiped)
{
    void *start = (void *)(uintptr_t)range->start; /* an address of this process */
    int rc = 0;

    if ((range->flags & BP_AREA_DONTFORK) != 0)
        rc = madvise(start, range->end - range->start, forked);
    if (rc == 0 && (range->flags & BP_AREA_WIPEONFORK) != 0)
        rc = madvise(start, range->end - range->start, wiped);
    return rc;
}

int bp_keep_open(const struct bp_keep *keep, struct bp_error *err)
{
    for (size_t i = 0; i < keep->count; i++)
        if (advise(&keep->ranges[i], MADV_DOFORK, MADV_KEEPONFORK) < 0) {
            bp_keep_close(keep);
            return bp_error_set(err, -EOPNOTSUPP, "memory of a device cannot travel (at %#lx)",
                                (unsigned long)keep->ranges[i].start);
        }
    return 0;
}

void bp_keep_close(const struct bp_keep *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        advise(&keep->ranges[i], MADV_DONTFORK, MADV_WIPEONFORK);
}

uint64_t bp_keep_flags(const struct bp_keep *keep, uint64_t start, uint64_t end,
                       uint32_t *ret_flags)
{
    *ret_flags = 0;
    for (size_t i = 0; keep != NULL && i < keep->count; i++) {
        const struct bp_keep_range *range = &keep->ranges[i];
        if (range->end <= start)
            continue;
        if (range->start > start)
            return range->start < end ? range->start : end;
        *ret_flags = range->flags;
        return range->end < end ? range->end : end;
    }
    return end;
}
