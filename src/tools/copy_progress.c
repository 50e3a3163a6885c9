/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_progress.c - how far a copy is, on one line of the terminal. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tools/copy_progress.h"

#define FIRST_MS 500 /* what is over sooner shows nothing */
#define EVERY_MS 200

void copy_progress_file(struct copy_progress *progress, const char *path, uint64_t size)
{
    const char *slash = strrchr(path, '/');
    if (!progress->show)
        return;
    if (progress->begin_ms == 0) {
        progress->begin_ms = bp_clock_ms();
        progress->next_ms = progress->begin_ms + FIRST_MS;
    }
    snprintf(progress->name, sizeof progress->name, "%.60s", slash != NULL ? slash + 1 : path);
    for (char *p = progress->name; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    progress->size = size;
    progress->done = 0;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

void copy_progress_bytes(struct copy_progress *progress, uint64_t offset, uint64_t bytes)
{
    if (!progress->show)
        return;
    uint64_t now = bp_clock_ms();
    progress->done = offset + bytes;
    progress->sum += bytes;
    if (now < progress->next_ms)
        return;
    progress->next_ms = now + EVERY_MS;
    progress->shown = 1;
    double seconds = (double)(now - progress->begin_ms) / 1000;
    unsigned percent = progress->size > 0
                           ? (unsigned)((double)progress->done * 100 / (double)progress->size)
                           : 100;
    fprintf(stderr, "\r\033[K%.40s %3u%% of %.1f MiB, %.1f MiB/s", progress->name,
            percent > 100 ? 100 : percent, mib(progress->size), mib(progress->sum) / seconds);
}

void copy_progress_clear(struct copy_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = 0;
}
