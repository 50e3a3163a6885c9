/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - the command line of bprun, and of bpmpirun, whose letters are mpirun's. */
#ifndef BP_TOOLS_OPTIONS_H
#define BP_TOOLS_OPTIONS_H

#include "tools/apps.h"
#include "tools/io_options.h"
#include "tools/life_options.h"
#include "tools/map_options.h"
#include "tools/place_options.h"
#include "tools/run.h"

struct options { /* zeroed, then options_parse; map.dry beforehand for a tool that only shows */
    struct claims claims; /* what was said */
    struct place_options place;
    struct map_options map;
    struct io_options io;
    struct run_policy policy;
    struct apps apps; /* the programs; the only one, if there is one */
    int mpi;
    Bpmix__Start start;
    int start_chosen, warm;
    int goes_on; /* behind a colon a program must follow */
    int mpirun; /* the tool is called bpmpirun */
};

/* Read it all; a mistake in it ends the program with argp's usage error. */
void options_parse(struct options *options, int argc, char **argv);
void options_done(struct options *options);

#endif
