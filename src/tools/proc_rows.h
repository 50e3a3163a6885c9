/* SPDX-License-Identifier: BSD-3-Clause */
/* proc_rows.h - remote processes as text, and what ps printed with their nodes beside it. */
#ifndef BP_TOOLS_PROC_ROWS_H
#define BP_TOOLS_PROC_ROWS_H

#include <stdio.h>

#include "common/error.h"
#include "tools/listing.h"

/* The remote processes of these nodes by PID. */
int proc_rows_show(const struct listing *listing, int as_json, struct bp_error *err);

/* Copy lines of ps from one stream to another, the node of each process in front. The PIDs stand
 * where the head line has the word PID; without a head line they come first. */
int proc_rows_mix(FILE *from, FILE *to, struct bp_error *err);

/* The pure part of it: the PID in a line of ps (0 = none). *column is where PIDs end and *field
 * how many words stand before them, as a head line says, which sets both and has no PID. */
int proc_rows_find(const char *line, int *column, int *field);

#endif
