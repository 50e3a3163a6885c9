// sources: src/tools/verdict.c src/proto/pack.c src/proto/bpmix.pb-c.c src/common/mem.c
// src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_verdict.c - any news of a job in any order: one exit status of a shell, which stays once it
 * is decided. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pack.h"
#include "tools/verdict.h"

#define RANKS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct verdict *verdict, const struct verdict *before)
{
    if (verdict_status(verdict) < 0 || verdict_status(verdict) > 255 ||
        memchr(verdict->text, '\0', sizeof verdict->text) == NULL ||
        verdict->by_rank >= RANKS || verdict->by_rank < -2)
        abort();
    /* Only the status given to MPI_Abort goes before that of the same rank's end. */
    if (before->decided && (!verdict->decided || verdict->by_rank != before->by_rank ||
                            (before->by_rank < 0 && verdict->status != before->status)))
        abort();
}

/* Bodies of JobEvents, each behind a byte of its length, as bpmaster would send them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verdict verdict;
    if (size < 1)
        return 0;
    verdict_init(&verdict, RANKS, data[0] & 1);
    for (size_t at = 1; at < size;) {
        size_t length = data[at++];
        if (length > size - at)
            length = size - at;
        auto_unpack Bpmix__JobEvent *event =
            BP_UNPACK(JobEvent, job_event, data + at, length, NULL);
        at += length;
        if (event == NULL || event->rank >= RANKS)
            continue;
        struct verdict before = verdict;
        verdict_event(&verdict, event, "n0");
        check(&verdict, &before);
    }
    verdict_end(&verdict, 124, "the end");
    verdict_done(&verdict);
    return 0;
}
