/* SPDX-License-Identifier: BSD-3-Clause */
/* reload.c - the configuration read again while everything runs. */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

/* What cannot change while nodes and tools are connected stays as it is. */
static void keep_fixed(const struct bp_config *old, struct bp_config *new)
{
    if (old->port != new->port || strcmp(old->address, new->address) != 0 ||
        old->lease_ms != new->lease_ms || strcmp(old->rundir, new->rundir) != 0 ||
        strcmp(old->cluster_key, new->cluster_key) != 0)
        bp_log_warning("config-kept what=\"port, interface, lease, rundir and clusterkey change "
                       "with the next start only\"");
    new->port = old->port;
    new->lease_ms = old->lease_ms;
    memcpy(new->address, old->address, sizeof new->address);
    memcpy(new->rundir, old->rundir, sizeof new->rundir);
    memcpy(new->cluster_key, old->cluster_key, sizeof new->cluster_key);
}

void reload(struct master *master, const char *path)
{
    struct bp_error err = {0};
    auto_free struct bp_config *new = bp_calloc(1, sizeof *new);
    auto_free struct bp_config *old = bp_memdup(&master->config, sizeof *old);
    unsigned added = 0, removed = 0;
    if (bp_config_read(path, new, &err) < 0) {
        bp_log_error("config-refused why=\"%s\"", err.text);
        return;
    }
    keep_fixed(old, new);
    master->config = *new;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        struct node *node = node_get(master, i);
        if (new->node[i] && node == NULL) {
            node_add(master, i);
            added++;
        } else if (!new->node[i] && node != NULL) {
            node_remove(node);
            removed++;
        } else if (node != NULL && memcmp(&old->rights[i], &new->rights[i], sizeof *new->rights)) {
            node->rights = new->rights[i]; /* else what bpctl set remains */
        }
    }
    bp_log_info("config-read path=%s added=%u removed=%u", path, added, removed);
    watch_changed(master);
}
