/* SPDX-License-Identifier: BSD-3-Clause */
/* descriptors.h - the descriptors that a caller wishes for a process on a node: files that are
 * opened and connections that are made there. */
#ifndef BP_LIB_DESCRIPTORS_H
#define BP_LIB_DESCRIPTORS_H

#include <stdbool.h>
#include <sys/bproc_common.h>

/* What BPROC_IO_SEND_INFO writes into a new connection. */
struct bp_descriptor_info {
    int pid, fd;
};

/* A caller's wishes, checked, the address 0.0.0.0 being the master's. 0, -EINVAL or what asking for
 * that fails with. */
int bp_descriptors_take(const struct bproc_io_t *io, int count,
                        struct bproc_io_t ret_wishes[BPROC_IO_MAX_LEN]);

/* Can a node open this one? */
bool bp_descriptor_suits_nodes(const struct bproc_io_t *io);

/* Is it the node's to open, before a process that has run is there? */
bool bp_descriptor_is_nodes(const struct bproc_io_t *io);

/* Make them in the calling process, all or (but_nodes) those that the node has not opened. 0 or
 * -errno. */
int bp_descriptors_apply(const struct bproc_io_t *io, int count, bool but_nodes);

#endif
