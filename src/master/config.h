/* SPDX-License-Identifier: BSD-3-Clause */
/* config.h - bpmaster's configuration: BProc's tags, one a line, '#' starts a comment. */
#ifndef BP_MASTER_CONFIG_H
#define BP_MASTER_CONFIG_H

#include <stdint.h>

#include "common/error.h"
#include "master/rights.h"

#define BP_NODES_MAX 4096

struct bp_config {
    int port;              /* bprocport; 2223 */
    char address[64];      /* interface: address or name of the interface to listen on; "" = all */
    unsigned lease_ms;     /* lease; pingtimeout is its old name; 30 s */
    char rundir[96];       /* rundir: where master.sock is */
    char cluster_key[256]; /* clusterkey: file with the cluster's key */
    int root_jobs;         /* rootjobs yes: uid 0 may start jobs */
    unsigned fanout;       /* fanout: of the tree of bpshepherds; 16 */
    int plain;             /* streams plain: data connections of jobs have no TLS */
    unsigned char node[BP_NODES_MAX]; /* 1 = ip or iprange names this number */
    uint32_t ip[BP_NODES_MAX];        /* its address there, in network order */
    struct bp_rights rights[BP_NODES_MAX]; /* rights: who may use it when bpmaster starts */
};

/* Defaults, then the file. An unknown tag or a bad value is an error that names the line. */
int bp_config_read(const char *path, struct bp_config *ret_config, struct bp_error *err);

#endif
