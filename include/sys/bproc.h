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
/* The same through a descriptor of bproc_notifier, and its news are acknowledged. */
int bproc_nodelist_(struct bproc_node_set_t *set, int fd);
/* The length of the value; size 0 asks for the length alone. */
int bproc_getnodeattr(int node, const char *name, void *value, int size);
/* A descriptor that is readable when a node or the configuration has changed, until it is read. */
int bproc_notifier(void);

/* ---- rights: who may place processes on a node; only the x bits of a mode count ---- */

int bproc_chmod(int node, int mode);
int bproc_chown(int node, int user);
int bproc_chgrp(int node, int group);
int bproc_access(int node, int mode);

/* ---- processes ---- */

/* The remote processes of a node, or of all (BPROC_NODE_ANY). Their count; free(*list). */
int bproc_proclist(int node, struct bproc_proc_info_t **list);
/* The node of a process; -1 = it is on the master (errno 0) or there is none (ESRCH). */
int bproc_pidnode(int pid);

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

/* ---- administration: root's ---- */

int bproc_nodechroot(int node, const char *path);
int bproc_nodereboot(int node);
int bproc_nodehalt(int node);
int bproc_nodepwroff(int node);
int bproc_nodereboot_async(int node);
int bproc_nodehalt_async(int node);
int bproc_nodepwroff_async(int node);
int bproc_nodesetstatus(int node, const char *status);
/* size 0 takes the attribute away. */
int bproc_setnodeattr(int node, const char *name, const void *value, int size);
/* Address of the master, then the node's own; NULL = as it is. */
int bproc_nodereconnect(int node, struct sockaddr *remote, int remote_size,
                        struct sockaddr *local, int local_size);

/* ---- libraries that every node is said to have ---- */

int bproc_libclear(void);
int bproc_libadd(const char *path);
int bproc_libdel(const char *path);
/* *list: paths, each with its NUL, an empty one at the end; its bytes are returned; free(*list). */
int bproc_liblist(char **list);

/* ---- making processes ----
 *
 * A process on a node is in the master's process space: there a ghost of the same PID stands for
 * it, a child of whoever made it, to wait for and to send signals to. Its standard output and error
 * go to the caller's, its standard input is empty, and it has no other descriptors than those of
 * `io` (iolen of them). */

/* Fork: the child is on the node and returns 0. */
int bproc_rfork(int node);
int bproc_rfork_io(int node, struct bproc_io_t *io, int iolen);
int _bproc_rfork(int node, int flags);
int _bproc_rfork_io(int node, struct bproc_io_t *io, int iolen, int flags);
/* Fork to many nodes: the child on nodes[i] returns i, the caller nnodes. pids[i] is then its PID,
 * or an errno made negative where there is none. */
int bproc_vrfork(int nnodes, int *nodes, int *pids);
int bproc_vrfork_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen);
int _bproc_vrfork(int nnodes, int *nodes, int *pids, int flags);
int _bproc_vrfork_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen,
                     int flags);

/* Go to the node. The PID stays, parent and children see no difference; what was open is closed. */
int bproc_move(int node);
int bproc_move_io(int node, struct bproc_io_t *io, int iolen);
int _bproc_move(int node, int flags);
int _bproc_move_io(int node, struct bproc_io_t *io, int iolen, int flags);

/* Execute a program of the node there, in place of the caller. */
int bproc_rexec(int node, const char *cmd, char *const argv[], char *const envp[]);
int bproc_rexec_io(int node, struct bproc_io_t *io, int iolen, const char *cmd,
                   char *const argv[], char *const envp[]);
/* Execute a program of the caller's machine on the node, in place of the caller. */
int bproc_execmove(int node, const char *cmd, char *const argv[], char *const envp[]);
int bproc_execmove_io(int node, struct bproc_io_t *io, int iolen, const char *cmd,
                      char *const argv[], char *const envp[]);
/* The same as children on many nodes: returns nnodes, with pids as bproc_vrfork. */
int bproc_vexecmove(int nnodes, int *nodes, int *pids, const char *cmd, char *const argv[],
                    char *const envp[]);
int bproc_vexecmove_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen,
                       const char *cmd, char *const argv[], char *const envp[]);
/* Execute a program of the master, as execve. */
int bproc_execve(const char *cmd, char *const argv[], char *const envp[]);

/* Write the calling process to a file. How many bytes (INT_MAX: that or more); and 0 in the process
 * that comes from them. */
int bproc_dump(int fd, int flags);
/* Become the process in the file, with the caller's PID. */
int bproc_undump(int fd);
/* Write a program that has not run yet. */
int bproc_execdump(int fd, int flags, const char *cmd, char *const argv[], char *const envp[]);

/* ---- bpmix's own ---- */

/* Under bprun --warm: start the ranks of the job from here. The program ends in this call; each
 * rank returns from it with 1, in its own process on its node, with its own environment (variables
 * that the program has set stay), without open files but 0, 1 and 2. Anywhere else: 0, at once.
 * -1 EBUSY: there are other threads; EOPNOTSUPP: the program has something that cannot travel.
 * bprun tells what. */
int bproc_warm(void);

/* ---- this library ---- */

const char *bproc_strerror(int error);
int bproc_version(struct bproc_version_t *version);

#ifdef __cplusplus
}
#endif

#endif
