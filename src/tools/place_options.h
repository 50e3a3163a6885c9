/* SPDX-License-Identifier: BSD-3-Clause */
/* place_options.h - bprun's options that say where the ranks run and how many there are, in srun's
 * words; mpirun_options.h has the same in mpirun's. */
#ifndef BP_TOOLS_PLACE_OPTIONS_H
#define BP_TOOLS_PLACE_OPTIONS_H

#include <argp.h>

#include "proto/pack.h"
#include "tools/claims.h"
#include "tools/hosts.h"
#include "tools/rankfile.h"

#define PLACE_RANKS_MAX 60000
#define PLACE_CPUS_MAX  8192

struct place_options {
    Bpmix__Place place;
    struct claims *claims; /* of the whole command line, borrowed */
    struct hosts hosts;
    struct rankfile rankfile;
    uint32_t per_node, per_package; /* mpirun's: on every node there is */
    int all_slots;      /* mpirun's number of ranks, if none is said: one for each core */
    char *node_list;    /* of such a file */
    int srun_file;      /* hosts come from a file of srun's */
    uint32_t threads;   /* ranks should run so many: OMP_NUM_THREADS is not set and should be */
    int multi_prog;     /* the program is a file that names the programs */
    int report_bindings;
    int immediate;        /* fail instead of waiting longer than */
    uint32_t immediate_s; /* so many seconds */
};

extern const struct argp place_argp; /* a child of the tool's; its input: struct place_options */

void place_options_init(struct place_options *options, struct claims *claims);

/* The number of ranks, of which each program has its own; argp's error if it is none. */
void place_ranks(struct place_options *options, const struct said *said);
/* What a word of --hint says that other options can say. */
void place_claim_hint(struct place_options *options, const struct said *said, const char *hint);
/* Forget the number of ranks and the hosts: they were those of the program just named. */
uint32_t place_take_ranks(struct place_options *options, struct hosts *ret_hosts);
/* Hosts for all programs; seq: one for each rank. */
void place_give_hosts(struct place_options *options, struct hosts *take_hosts, int seq,
                      struct argp_state *state);
/* Nodes in the option's value, or in the file that it names; and a rankfile. */
void place_hosts(struct place_options *options, const struct said *said);
void place_hostfile(struct place_options *options, const struct said *said, const char *path,
                    int srun_file);
void place_rankfile(struct place_options *options, const struct said *said, const char *path);

/* All is said: what the options say together. argp's error where they contradict each other. */
void place_options_finish(struct place_options *options, struct argp_state *state);
void place_options_done(struct place_options *options);

#endif
