/* SPDX-License-Identifier: BSD-3-Clause */
/* public.h - what the files of libbproc's own interface share. */
#ifndef BP_LIB_PUBLIC_H
#define BP_LIB_PUBLIC_H

#include <errno.h>
#include <stdbool.h>
#include <sys/bproc.h>

#include "image/image.h"
#include "proto/pack.h"

/* A result of ours (negative errno) as BProc's: -1 and errno. */
static inline int bp_public_result(int r)
{
    if (r >= 0)
        return r;
    errno = -r;
    return -1;
}

/* Whose content travels, by BPROC_DUMP_ flags: what the node may not have, and what they add.
 * libraries: as bp_public_libraries() has them, and valid as long. */
static inline struct bp_image_options bp_public_options(int flags, const char *libraries)
{
    unsigned also = ((flags & BPROC_DUMP_LIBS) != 0 ? BP_CARRY_LIBRARIES : 0) |
                    ((flags & BPROC_DUMP_EXEC) != 0 ? BP_CARRY_PROGRAM : 0);
    bool is_all = (flags & BPROC_DUMP_ALL) == BPROC_DUMP_ALL;
    return (struct bp_image_options){.carry = is_all ? BP_CARRY_ALL : BP_CARRY_DEFAULT,
                                     .carry_also = also, .libraries = libraries};
}

/* The list of libraries, for that; free() it. NULL: there is none, or they are not wanted. */
char *bp_public_libraries(int flags);

/* SELF becomes the number of the caller's node. */
int bp_public_node(int node);

/* The row of a node, or of the master; NULL = there is none. */
const Bpmix__Node *bp_public_find(const Bpmix__NodeList *list, int node);

/* Has the CPU of a node's row all that these words have? */
bool bp_public_cpu_fits(const Bpmix__Node *row, const uint32_t *cpu);
/* And has that node's all that the calling process was started with? 0, or a negative errno. */
int bp_public_cpu_check(int node);

void bp_public_info(const Bpmix__Node *row, struct bproc_node_info_t *ret_info);

/* All nodes as a set, without the master. 0 or -ENOMEM. */
int bp_public_set(const Bpmix__NodeList *list, struct bproc_node_set_t *ret_set);

#endif
