/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.c - see pages.h; the interface is the kernel's Documentation/admin-guide/mm/pagemap.rst. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "image/format.h"
#include "image/pages.h"

/* Of <linux/fs.h> since 6.7, which is newer than what we build with. */
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t inverted, required, any_of, wanted;
};
struct scan_region {
    uint64_t start, end, categories;
};
#define SCAN          _IOWR('f', 16, struct scan)
#define SCAN_FILE     (1u << 2)
#define SCAN_PRESENT  (1u << 3)
#define SCAN_SWAPPED  (1u << 4)
#define SCAN_ZERO     (1u << 5)
#define SCAN_GUARD    (1u << 8) /* since 6.15 */
#define SCAN_REGIONS  512

#define WORD_GUARD   (1ULL << 58) /* since 6.15, else 0 */

#define WORD_FILE    (1ULL << 61) /* or shared */
#define WORD_SWAPPED (1ULL << 62)
#define WORD_PRESENT (1ULL << 63)
#define WORDS        4096

typedef int take_call(void *arg, uint64_t start, uint64_t pages, struct bp_error *err);

int bp_pages_open(struct bp_pages *pages, pid_t pid, bool without_scan, struct bp_error *err)
{
    char path[64];
    struct scan nothing = {.size = sizeof(nothing), .any_of = SCAN_PRESENT};
    struct scan_region guard;
    struct scan guards = {.size = sizeof(guards), .any_of = SCAN_GUARD, .end = BP_IMAGE_HIGHEST,
                          .vec = (uint64_t)(uintptr_t)&guard, .vec_len = 1, .max_pages = 1};

    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    pages->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (pages->fd < 0)
        return bp_error_set(err, -errno, "%s cannot be opened: %s", path, strerror(errno));
    pages->has_scan = !without_scan && ioctl(pages->fd, SCAN, &nothing) >= 0;
    pages->has_guards = ioctl(pages->fd, SCAN, &guards) > 0;
    return 0;
}

void bp_pages_done(struct bp_pages *pages)
{
    if (pages->fd >= 0)
        close(pages->fd);
    pages->fd = -1;
}

/* Runs of pages that have none of `unwanted` and one of `any`. */
static int scan_runs(const struct bp_pages *pages, uint64_t start, uint64_t end, uint64_t unwanted,
                     uint64_t any, take_call *take, void *arg, struct bp_error *err)
{
    struct scan_region regions[SCAN_REGIONS];

    while (start < end) {
        struct scan scan = {.size = sizeof(scan), .start = start, .end = end,
                            .vec = (uint64_t)(uintptr_t)regions, .vec_len = SCAN_REGIONS,
                            .inverted = unwanted, .required = unwanted, .any_of = any};
        int count = ioctl(pages->fd, SCAN, &scan);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return bp_error_set(err, -errno, "the pages of the process cannot be scanned: %s",
                                strerror(errno));
        for (int i = 0; i < count; i++) {
            int rc = take(arg, regions[i].start,
                          (regions[i].end - regions[i].start) / BP_IMAGE_PAGE, err);
            if (rc < 0)
                return rc;
        }
        if (scan.walk_end <= start)
            return bp_error_set(err, -EIO, "the scan of the process's pages does not end");
        start = scan.walk_end;
    }
    return 0;
}

static int find_by_scan(const struct bp_pages *pages, uint64_t start, uint64_t end, bool as_file,
                        take_call *take, void *arg, struct bp_error *err)
{
    uint64_t unwanted = SCAN_ZERO | (as_file ? 0 : SCAN_FILE) |
                        (pages->has_guards ? SCAN_GUARD : 0);

    return scan_runs(pages, start, end, unwanted, SCAN_PRESENT | SCAN_SWAPPED, take, arg, err);
}

static bool is_own(uint64_t word, bool as_file)
{
    return (word & (WORD_PRESENT | WORD_SWAPPED)) != 0 && (word & WORD_GUARD) == 0 &&
           (as_file || (word & WORD_FILE) == 0);
}

static int find_by_words(const struct bp_pages *pages, uint64_t start, uint64_t end, bool as_file,
                         take_call *take, void *arg, struct bp_error *err)
{
    uint64_t words[WORDS];

    while (start < end) {
        uint64_t count = (end - start) / BP_IMAGE_PAGE, first;
        ssize_t n = pread(pages->fd, words, (count < WORDS ? count : WORDS) * sizeof(words[0]),
                          (off_t)(start / BP_IMAGE_PAGE * sizeof(words[0])));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)sizeof(words[0]))
            return bp_error_set(err, n < 0 ? -errno : -EIO,
                                "the map of the process's pages cannot be read");
        count = (uint64_t)n / sizeof(words[0]);
        for (uint64_t i = 0; i < count; i++) {
            for (first = i; i < count && is_own(words[i], as_file);)
                i++;
            int rc = i == first ? 0 : take(arg, start + first * BP_IMAGE_PAGE, i - first, err);
            if (rc < 0)
                return rc;
        }
        start += count * BP_IMAGE_PAGE;
    }
    return 0;
}

int bp_pages_find(const struct bp_pages *pages, uint64_t start, uint64_t end, bool as_file,
                  take_call *take, void *arg, struct bp_error *err)
{
    return (pages->has_scan ? find_by_scan : find_by_words)(pages, start, end, as_file, take, arg,
                                                            err);
}

int bp_pages_guards(const struct bp_pages *pages, uint64_t start, uint64_t end, take_call *take,
                    void *arg, struct bp_error *err)
{
    return pages->has_guards ? scan_runs(pages, start, end, 0, SCAN_GUARD, take, arg, err) : 0;
}
