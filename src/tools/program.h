/* SPDX-License-Identifier: BSD-3-Clause */
/* program.h - a process that comes home as a program: rexec, execmove. */
#ifndef BP_TOOLS_PROGRAM_H
#define BP_TOOLS_PROGRAM_H

#include <string.h>

#include "common/mem.h"
#include "proto/pack.h"

/* Words as execve wants them: `room` free places first, NULL at the end; free() it. */
static inline char **program_words(char *const *words, size_t count, size_t room)
{
    char **vector = bp_calloc(room + count + 1, sizeof *vector);
    if (count > 0)
        memcpy(vector + room, words, count * sizeof *words);
    return vector;
}

/* The calling process gets what an exec leaves it: directory, umask, signals, priority. 0 or
 * -errno. */
int program_prepare(const Bpmix__JobMove *move);

/* And these descriptors in the places of its files, one for each, taken. Where one is in the way of
 * *image or *report those are others then. 0 or -errno. */
int program_files(const Bpmix__JobMove *move, const int *take_files, int *image, int *report);

/* Its signal mask; then it executes what it is to be. -errno. */
int program_run(const Bpmix__JobMove *move, int image, int report);

#endif
