/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.h - which pages of a mapping a process has of its own, from PAGEMAP_SCAN, or from the
 * words of /proc/PID/pagemap on kernels before 6.7. */
#ifndef BP_IMAGE_PAGES_H
#define BP_IMAGE_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

struct bp_pages {
    int fd;
    bool has_scan;
    bool has_guards; /* there are pages of MADV_GUARD_INSTALL, and the scan tells them */
};

int bp_pages_open(struct bp_pages *pages, pid_t pid, bool without_scan, struct bp_error *err);
void bp_pages_done(struct bp_pages *pages);

/* Call take(arg, start, pages, err) for each run of pages in [start, end) that are the process's
 * own: present or swapped, not the page of zeros, and not the page of a file (as_file: those too).
 * Stops at the first error of take. */
int bp_pages_find(const struct bp_pages *pages, uint64_t start, uint64_t end, bool as_file,
                  int (*take)(void *arg, uint64_t start, uint64_t pages, struct bp_error *err),
                  void *arg, struct bp_error *err);

/* The same for runs of guards (MADV_GUARD_INSTALL). Kernels before 6.15 do not tell them. */
int bp_pages_guards(const struct bp_pages *pages, uint64_t start, uint64_t end,
                    int (*take)(void *arg, uint64_t start, uint64_t pages, struct bp_error *err),
                    void *arg, struct bp_error *err);

#endif
