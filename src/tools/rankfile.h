/* SPDX-License-Identifier: BSD-3-Clause */
/* rankfile.h - a file that says for each rank its node and its CPUs, as Open MPI has it. */
#ifndef BP_TOOLS_RANKFILE_H
#define BP_TOOLS_RANKFILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define RANKFILE_RANKS_MAX 60000

struct rankfile_row {
    char *node;  /* a node's word */
    char *slots; /* "0-3": CPUs; "1:0-1": cores of a package; "" = any */
    unsigned line; /* where it stands; 0: this rank is not there */
};

struct rankfile { /* by rank; zeroed at first */
    struct rankfile_row *rows;
    size_t count; /* the highest rank and one */
};

/* Read lines "rank N=NODE slot=CPUS"; # begins a comment. Every rank from 0 to the highest is there
 * once. 0 or -EINVAL with file and line. */
int rankfile_read(struct rankfile *file, const char *name, const char *text, size_t length,
                  struct bp_error *err);
void rankfile_done(struct rankfile *file);

#endif
