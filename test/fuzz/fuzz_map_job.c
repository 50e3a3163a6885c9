// sources: src/tools/map_job.c src/tools/map_nodes.c src/placement/hardware.c
// src/placement/hardware_wire.c src/placement/wire.c src/placement/words.c src/placement/number.c
// src/placement/picture_board.c src/placement/picture_fold.c
// src/placement/picture_line.c src/placement/picture_text.c src/placement/picture_words.c
// src/proto/pack.c src/proto/bpmix.pb-c.c src/common/cpuset.c src/common/nodeset.c
// src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_map_job.c - any bytes as bpmaster's HARDWARE and JOB_MAP: refused with a sentence, or nodes in
 * order with hardware that passes the check, and a map that can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "lib/node.h"
#include "proto/pack.h"
#include "tools/map_job.h"
#include "tools/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *body;
static size_t body_size;

Bpmix__HardwareList *bp_node_hardware(struct bp_error *err)
{
    return BP_UNPACK(HardwareList, hardware_list, body, body_size, err);
}

int topology_file(const char *path, struct bp_hardware *ret, struct bp_error *err)
{
    (void)path, (void)ret, (void)err;
    abort();
}

static void check_nodes(const struct map_nodes *nodes)
{
    for (size_t i = 0; i < nodes->row_count; i++) {
        const struct bp_place_node *row = &nodes->rows[i];
        if (bp_hardware_check(row->hardware, NULL) < 0 || row->number < 0 ||
            (i > 0 && row->number <= row[-1].number) ||
            map_nodes_row(nodes, row->number) != row)
            abort();
    }
}

static void show(const struct map_job *job)
{
    struct bp_picture_style style = {.columns = 80};
    auto_free char *text = bp_picture_text(&job->picture, &style);
    check_nodes(&job->all);
    for (uint32_t rank = 0; rank < job->map.rank_count; rank++) {
        auto_free char *line = bp_picture_line(&job->picture, rank);
        if (map_job_hardware(job, rank) == NULL || strncmp(line, "rank ", 5) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bp_error err = {0};
    if (size == 0)
        return 0;
    body_size = data[0] < size - 1 ? data[0] : size - 1;
    body = data + 1;
    auto_unpack Bpmix__JobMap *map =
        BP_UNPACK(JobMap, job_map, body + body_size, size - 1 - body_size, &err);
    if (map == NULL)
        return 0;
    struct map_job *job = map_job_new(map, &err);
    if (job != NULL)
        show(job);
    else if (err.code == 0 || err.text[0] == '\0')
        abort();
    map_job_free(job);
    return 0;
}
