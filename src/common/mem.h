/* SPDX-License-Identifier: BSD-3-Clause */
/* mem.h - cleanup attributes for locals, and allocation that ends the program when memory is
 * out. */
#ifndef BP_COMMON_MEM_H
#define BP_COMMON_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void bp_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void bp_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define auto_free  __attribute__((cleanup(bp_cleanup_free)))
#define auto_close __attribute__((cleanup(bp_cleanup_close)))

/* Take the value out of an auto_ variable, so that it survives the end of the scope. */
#define bp_take_fd(fd)                 \
    __extension__({                    \
        int bp_taken_fd = (fd);        \
        (fd) = -1;                     \
        bp_taken_fd;                   \
    })
#define bp_take_ptr(p)                         \
    __extension__({                            \
        __typeof__(p) bp_taken_ptr = (p);      \
        (p) = NULL;                            \
        bp_taken_ptr;                          \
    })

/* Zeroed memory for count items of size bytes; never NULL (the program ends when memory is out:
 * sizes that come from a peer are bounded before they get here). */
void *bp_calloc(size_t count, size_t size);
void *bp_realloc(void *p, size_t count, size_t size);
char *bp_strdup(const char *s);
/* A copy of length bytes; `bytes` may be NULL when there are none. */
void *bp_memdup(const void *bytes, size_t length);
char *bp_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
