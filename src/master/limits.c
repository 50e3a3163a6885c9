/* SPDX-License-Identifier: BSD-3-Clause */
/* limits.c - a job's resource limits: what its launcher asks, but not above the launcher's own hard
 * limits as the kernel knows them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/limits.h"

/* "unlimited" or a number. */
static uint64_t number_of(const char *word)
{
    return strcmp(word, "unlimited") == 0 ? UINT64_MAX : strtoull(word, NULL, 10);
}

/* /proc/PID/limits (proc(5)): after a line of titles the limits by number, names in 25 columns.
 * Unlike prlimit(2) it needs no privilege. */
static int read_limits(pid_t pid, struct limit limits[LIMITS])
{
    char path[32], line[128], soft[24], hard[24];
    snprintf(path, sizeof path, "/proc/%d/limits", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -errno;
    int rows = -1; /* the titles */
    while (rows < LIMITS && fgets(line, sizeof line, file) != NULL) {
        if (rows >= 0) {
            if (strlen(line) < 26 || sscanf(line + 26, "%23s %23s", soft, hard) != 2)
                break;
            limits[rows] = (struct limit){number_of(soft), number_of(hard), 0};
        }
        rows++;
    }
    fclose(file);
    return rows == LIMITS ? 0 : -EPROTO;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the request names, but not above these hard limits; all of them. */
static void clamp(const struct limit own[LIMITS], Bpmix__JobRequest *request)
{
    struct limit asked[LIMITS];
    memcpy(asked, own, sizeof asked);
    for (size_t i = 0; i < request->n_limits; i++) {
        const Bpmix__Limit *row = request->limits[i];
        if (row->which < LIMITS)
            asked[row->which] = (struct limit){row->soft, row->hard, row->node_soft};
    }
    for (size_t i = 0; i < request->n_limits; i++)
        bpmix__limit__free_unpacked(request->limits[i], NULL);
    free(request->limits);
    request->n_limits = LIMITS;
    request->limits = bp_calloc(LIMITS, sizeof *request->limits);
    for (unsigned i = 0; i < LIMITS; i++) {
        Bpmix__Limit *row = request->limits[i] = bp_calloc(1, sizeof *row);
        bpmix__limit__init(row);
        row->which = i;
        row->hard = lower(asked[i].hard, own[i].hard);
        row->soft = lower(asked[i].soft, row->hard);
        row->node_soft = asked[i].node_soft;
    }
}

int limits_clamp(pid_t pid, Bpmix__JobRequest *request)
{
    struct limit own[LIMITS];
    int r = read_limits(pid, own);
    if (r == 0)
        clamp(own, request);
    return r;
}

void limits_clamp_to(const Bpmix__JobRequest *above, Bpmix__JobRequest *request)
{
    struct limit own[LIMITS];
    for (unsigned i = 0; i < LIMITS; i++)
        own[i] = (struct limit){UINT64_MAX, UINT64_MAX, 0};
    for (size_t i = 0; i < above->n_limits; i++)
        if (above->limits[i]->which < LIMITS)
            own[above->limits[i]->which] =
                (struct limit){above->limits[i]->soft, above->limits[i]->hard, 0};
    clamp(own, request);
}
