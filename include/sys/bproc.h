/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc.h - BProc's interface: nodes, their rights and attributes, processes. Link with -lbproc.
 *
 * A call returns -1 and sets errno when it fails, if its own line does not say otherwise. errno may
 * be one of the BE_ numbers: bproc_strerror knows them. Man page: bproc(3). */
#ifndef BPROC_H
#define BPROC_H

#include <sys/bproc_common.h>

#define BPROC_API_VERSION 4
#define BPROC_X_OK        1
#define BPROC_STATUS_NONE (-2)

/* What bproc_dump writes of a process. */
#define BPROC_DUMP_LIBS  1
#define BPROC_DUMP_EXEC  2
#define BPROC_DUMP_OTHER 4
#define BPROC_DUMP_ALL   7

struct bproc_node_set_t {
    int size, alloc; /* nodes in use, nodes there is room for */
    struct bproc_node_info_t *node;
};

#define BPROC_EMPTY_NODESET {0, 0, 0}
#define bproc_node_set_node(set, i) (&(set)->node[(i)])

#ifdef __cplusplus
extern "C" {
#endif

/* ---- nodes ---- */

/* How many nodes are configured, the master not counted. */
int bproc_numnodes(void);
/* The node that the caller runs on; -1 = the master. */
int bproc_currnode(void);
/* The node's state as a word of at most len bytes, cut if need be. */
int bproc_nodestatus(int node, char *status, int len);
/* *size: the room at addr, then what was used of it. */
int bproc_nodeaddr(int node, struct sockaddr *addr, int *size);
int bproc_nodeinfo(int node, struct bproc_node_info_t *info);
/* All nodes by number, the master left out. Their count; free with bproc_nodeset_free. */
int bproc_nodelist(struct bproc_node_set_t *set);

/* ---- sets of nodes ---- */

int bproc_nodeset_init(struct bproc_node_set_t *set, int size);
/* Make room for `size` nodes. */
int bproc_nodeset_grow(struct bproc_node_set_t *set, int size);
void bproc_nodeset_free(struct bproc_node_set_t *set);
int bproc_nodeset_add(struct bproc_node_set_t *set, struct bproc_node_info_t *node);
/* Add all nodes of b to a. */
int bproc_nodeset_append(struct bproc_node_set_t *a, struct bproc_node_set_t *b);
/* Make *out the nodes of *in that the specification names, in its order. */
int bproc_nodefilter(struct bproc_node_set_t *out, struct bproc_node_set_t *in, const char *spec);
/* The same of all nodes and the master; one that does not exist is an error. */
int bproc_nodespec(struct bproc_node_set_t *set, const char *spec);

/* ---- this library ---- */

const char *bproc_strerror(int error);
int bproc_version(struct bproc_version_t *version);

#ifdef __cplusplus
}
#endif

#endif
