/* SPDX-License-Identifier: BSD-3-Clause */
/* environment.h - the variables that ranks get: the caller's, or some of them, and new ones. */
#ifndef BP_TOOLS_ENVIRONMENT_H
#define BP_TOOLS_ENVIRONMENT_H

#include <stddef.h>

#include "common/error.h"

#define ENVIRONMENT_BASE "HOME LOGNAME PATH SHELL TERM USER" /* what every rank gets */

struct environment {
    int is_named_only; /* not all of the caller's */
    char **said;       /* NAME or NAME=VALUE */
    size_t count;
};

/* srun's list: ALL, NONE, NAME, NAME=VALUE, joined by commas. Without ALL only what is named, and
 * ENVIRONMENT_BASE. 0, or -EINVAL. */
int environment_export(struct environment *environment, const char *list, struct bp_error *err);
/* One variable more: NAME or NAME=VALUE. 0, or -EINVAL. */
int environment_add(struct environment *environment, const char *variable, struct bp_error *err);
/* All that was said there, too; `from` is empty then. */
void environment_take(struct environment *environment, struct environment *from);
/* Was a value given to that variable? */
int environment_has(const struct environment *environment, const char *name);
/* A variable that was named and is not in the caller's environment, or NULL. */
const char *environment_missing(const struct environment *environment, char *const *callers);
/* The vector, NULL at its end, for the caller to free; its strings are the caller's and ours. */
char **environment_make(const struct environment *environment, char *const *callers,
                        size_t *ret_count);
void environment_done(struct environment *environment);

#endif
