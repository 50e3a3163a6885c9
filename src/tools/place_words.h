/* SPDX-License-Identifier: BSD-3-Clause */
/* place_words.h - the values of srun's and mpirun's options, put into the one Place. */
#ifndef BP_TOOLS_PLACE_WORDS_H
#define BP_TOOLS_PLACE_WORDS_H

#include "common/error.h"
#include "proto/pack.h"

/* Each reads an option's value. What it puts into *place is memory of place_words_done. 0 or
 * -EINVAL with the word that is wrong. */

int place_nodes(Bpmix__Place *place, const char *value, struct bp_error *err);   /* -N MIN[-MAX] */
int place_deal(Bpmix__Place *place, const char *value, struct bp_error *err);    /* -m */
/* --cpu-bind and --mem-bind: *report becomes 1 where the user wants to see what came of it. */
int place_cpu_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err);
int place_mem_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err);
int place_gpus(Bpmix__Place *place, const char *value, struct bp_error *err);
int place_gpu_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err);
int place_hint(Bpmix__Place *place, const char *value, struct bp_error *err);

int place_map_by(Bpmix__Place *place, const char *value, struct bp_error *err);
int place_rank_by(Bpmix__Place *place, const char *value, struct bp_error *err);
int place_bind_to(Bpmix__Place *place, const char *value, struct bp_error *err);
int place_cpu_set(Bpmix__Place *place, const char *value, struct bp_error *err);

/* A text of *place that one of these, or place_text, made; "" lets go of it. */
void place_text(char **field, const char *text);
void place_words_done(Bpmix__Place *place);

#endif
