/* SPDX-License-Identifier: BSD-3-Clause */
/* mpirun_options.h - what bprun's options are called by mpirun. */
#ifndef BP_TOOLS_MPIRUN_OPTIONS_H
#define BP_TOOLS_MPIRUN_OPTIONS_H

#include "tools/io_options.h"
#include "tools/place_options.h"

struct mpirun_options { /* where they go */
    struct place_options *place;
    struct io_options *io;
    struct run_policy *policy;
    struct claims *claims;
};

/* A child of the tool's; its input: struct mpirun_options. Its letters are mpirun's. */
extern const struct argp mpirun_argp;

/* What follows ends with argp's error where the value is wrong. */
void mpirun_add_variable(struct environment *environment, const struct said *said,
                         const char *variable);
/* Two words; Open MPI reads its parameters from its ranks' environment. */
void mpirun_set_variable(struct environment *environment, const struct said *said,
                         const char *prefix);
/* Where Open MPI is. */
void mpirun_set_prefix(struct environment *environment, const struct said *said);
void mpirun_set_output(struct mpirun_options *options, const struct said *said);

#endif
