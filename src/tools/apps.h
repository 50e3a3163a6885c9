/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.h - the programs of a job that has several (MPMD): which ranks run which. */
#ifndef BP_TOOLS_APPS_H
#define BP_TOOLS_APPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/pack.h"
#include "tools/hosts.h"

#define APPS_MAX       4096
#define APP_BYTES_MAX  32768 /* of one program's words, directory and variables */
#define APP_RANKS_MAX  60000

struct app_range {
    uint32_t first, count;
};

struct app {
    char **argv;
    size_t argc;
    char **env; /* "NAME=VALUE" beside the job's */
    size_t env_count;
    char *cwd;  /* NULL = the job's */
    struct hosts hosts; /* of its own */
    int expand; /* in argv: %t is the rank, %o its number within the program, %% a % */
    struct app_range *ranges;
    size_t range_count;
    uint32_t ranks; /* in all ranges */
};

struct apps { /* zeroed at first */
    struct app *rows;
    size_t count;
    uint32_t ranks;
};

/* A new program behind the others, empty; NULL when there are APPS_MAX. */
struct app *apps_add(struct apps *apps);
void app_add_word(struct app *app, const char *word);
void app_add_variable(struct app *app, char *take_variable);
void app_add_range(struct app *app, uint32_t first, uint32_t count);
void apps_done(struct apps *apps);

/* Number the ranks through the programs in their order, as many of each as its `ranks` says. 0; or
 * a program has none, or the total is too large. */
int apps_number(struct apps *apps, struct bp_error *err);
/* 0, or the program whose words are too long. */
int apps_check(const struct apps *apps, struct bp_error *err);

/* Read srun's --multi-prog file: lines "RANKS PROGRAM [ARGUMENT...]". RANKS: numbers and ranges
 * joined by commas, or * for those that no line names. Quotes keep blanks, single ones also %; a
 * backslash takes the meaning from what follows, or goes on in the next line. ranks: how many the
 * job has, 0 = as many as the file names; each must have its program. 0 or -EINVAL with file and
 * line. */
int multiprog_read(struct apps *apps, const char *name, const char *text, size_t length,
                   uint32_t ranks, struct bp_error *err);

/* The programs as messages, which point into *apps. */
Bpmix__App **apps_messages(const struct apps *apps);
void apps_messages_free(Bpmix__App **list, size_t count);

#endif
