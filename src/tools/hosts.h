/* SPDX-License-Identifier: BSD-3-Clause */
/* hosts.h - the nodes of --host and of host files, in the user's order, with their slots. */
#ifndef BP_TOOLS_HOSTS_H
#define BP_TOOLS_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define HOSTS_MAX      65536
#define HOST_SLOTS_MAX 65536
#define HOST_BYTES_MAX 255 /* of a node's word */

struct host {
    char *node;     /* a node specification: one node, a range, a word */
    uint32_t slots; /* of each of these nodes; 0 = as many as it has cores */
    uint32_t most;  /* ranks on each, even where more than its slots are meant; 0 = any number */
};

struct hosts { /* zeroed at first */
    struct host *rows;
    size_t count;
};

/* Add a node. 0, or -E2BIG. */
int hosts_add(struct hosts *hosts, const char *node, uint32_t slots, struct bp_error *err);

/* Add what --host says: nodes joined by commas, each with ":SLOTS" behind it where the user likes
 * (":*", ":auto": as many as it has cores), else of one slot. 0 or -EINVAL; some may have been
 * added then. */
int hosts_add_words(struct hosts *hosts, const char *text, struct bp_error *err);

/* Add the lines of a host file: "NODE[,NODE...] [slots=N] [max-slots=N]" (Open MPI), "NODE:N"
 * (MPICH), or lists alone (Slurm); # begins a comment. Slots that are not said are 0. 0 or -EINVAL
 * with file and line. */
int hosts_add_file(struct hosts *hosts, const char *name, const char *text, size_t length,
                   struct bp_error *err);

/* Does the word look like a node, a range of nodes, a word such as allup, or a host's name? */
int host_is_word(const char *word);

void hosts_done(struct hosts *hosts);

#endif
