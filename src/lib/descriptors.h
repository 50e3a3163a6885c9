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

/* 0, or -EINVAL. */
int bp_descriptors_check(const struct bproc_io_t *io, int count);

/* Is this one the node's to open, before the process is there? */
bool bp_descriptor_is_nodes(const struct bproc_io_t *io);

/* Make them in the calling process, all or (but_nodes) those that the node has not opened. 0 or
 * -errno. */
int bp_descriptors_apply(const struct bproc_io_t *io, int count, bool but_nodes);

#endif
