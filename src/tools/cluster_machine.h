/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_machine.h - the namespaces of a node of `bpcluster`: its own network, hostname, IPC,
 * processes and /tmp, /run, /dev/shm; everything else is the host's. */
#ifndef BP_TOOLS_CLUSTER_MACHINE_H
#define BP_TOOLS_CLUSTER_MACHINE_H

#include <sys/types.h>

#include "common/error.h"

#define BP_MACHINE_SHARES 16

struct bp_machine {
    const char *name;    /* hostname; NULL = no machine of its own: the caller's namespaces */
    const char *address; /* of eth0, dotted */
    const char *netmask; /* of eth0, dotted */
    const char *hosts;   /* file that stands as /etc/hosts inside; NULL = the host's */
    const char *key;     /* file that is copied to /run/bpmix/node.key inside; NULL = none */
    const char *shares[BP_MACHINE_SHARES]; /* the host's folders that stay visible below /tmp ... */
    unsigned share_count;
};

/* Like fork, but the child is PID 1 of the new namespaces (if the machine has a name). PID of the
 * child, 0 in the child, or negative errno. */
pid_t bp_machine_fork(const struct bp_machine *machine, struct bp_error *err);

/* In PID 1 of the new namespaces: mounts, files, hostname, loopback. 0 or negative errno. */
int bp_machine_build(const struct bp_machine *machine, struct bp_error *err);

/* Give eth0, which came from outside, its address. 0 or negative errno; again is fine. */
int bp_machine_connect(const struct bp_machine *machine, struct bp_error *err);

#endif
