/* SPDX-License-Identifier: BSD-3-Clause */
/* map_nodes.h - the nodes that a map is made for: bpmaster's, or made up from topology files. */
#ifndef BP_TOOLS_MAP_NODES_H
#define BP_TOOLS_MAP_NODES_H

#include "placement/wire.h"

#define MAP_NODES_MAX 4096 /* of topology files; bpmaster has as many */

struct map_nodes {
    struct bp_hardware *hardware; /* each once */
    size_t hardware_count;
    struct bp_place_node *rows; /* that a job may use, by number */
    size_t row_count;
    const char **files;             /* by row: its name without folders; NULL = no files */
    struct bp_nodeset_node *states; /* that words ("all", "allup") can mean */
    size_t state_count;
    uint8_t *full;             /* a mask of all CPUs or devices */
    Bpmix__HardwareList *list; /* bpmaster's answer, which rows and states borrow from */
};

struct map_file {
    char *path;
    uint32_t count;
};

/* bpmaster's nodes as they are now, for this user. 0 or negative errno; then nothing is kept. */
int map_nodes_live(struct map_nodes *nodes, struct bp_error *err);
/* n0, n1, ...: count computers like each file's, all of them idle. */
int map_nodes_files(struct map_nodes *nodes, const struct map_file *files, size_t file_count,
                    struct bp_error *err);
void map_nodes_done(struct map_nodes *nodes);

/* Could a job use what the request names? 0, or the sentence that a job would get. */
int map_nodes_check(const struct map_nodes *nodes, const struct bp_asked *asked,
                    struct bp_error *err);

/* What the rows say is in use: by jobs, and all that is kept for jobs that wait (so it is at
 * first); by jobs; nothing. */
enum map_nodes_use { MAP_NODES_KEPT, MAP_NODES_USED, MAP_NODES_IDLE };
void map_nodes_use(struct map_nodes *nodes, enum map_nodes_use use);

/* A node that a job may use; NULL = no such. */
const struct bp_place_node *map_nodes_row(const struct map_nodes *nodes, int number);

#endif
