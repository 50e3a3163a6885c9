/* SPDX-License-Identifier: BSD-3-Clause */
/* ompi.h - settings of Open MPI 4 that make a job start sooner and change nothing else. */
#ifndef BP_NODEAGENT_OMPI_H
#define BP_NODEAGENT_OMPI_H

#include <stddef.h>

/* 1 if the environment sets this variable. */
int ompi_is_set(char *const *env, size_t count, const char *name);
/* 1 if it sets it to this value. */
int ompi_is(char *const *env, size_t count, const char *name, const char *value);

/* libpsm and libpsm2 sleep 100 ms each while they are loaded, hardware or not. On machines without
 * their hardware: the variable that adds them to the exclusion list in force, or NULL where the
 * user or the site has chosen for itself. free() it. */
char *ompi_mtl_without_psm(char *const *env, size_t count);

/* The value of `name` in the text of an MCA parameter file, copied; NULL = not there. */
char *ompi_parameter(const char *text, const char *name);

#endif
