/* SPDX-License-Identifier: BSD-3-Clause */
/* check.h - how a test program says that something is wrong: one line, exit status 3. */
#ifndef BP_TEST_MPI_CHECK_H
#define BP_TEST_MPI_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: wrong: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                      \
            fputc('\n', stderr);                                               \
            exit(3);                                                           \
        }                                                                      \
    } while (0)

#endif
