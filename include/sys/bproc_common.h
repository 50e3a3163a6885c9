/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_common.h - numbers and structures of BProc's interface, for programs on either side. */
#ifndef BPROC_COMMON_H
#define BPROC_COMMON_H

#include <stdint.h>
#include <sys/socket.h>

/* Nodes that are no number of a node. */
#define BPROC_NODE_MASTER (-1)
#define BPROC_NODE_SELF   (-2)
#define BPROC_NODE_NONE   (-3)
#define BPROC_NODE_ANY    (-4)

/* errno beyond the system's; bproc_strerror knows them and the others. */
#define BE_BASE        300
#define BE_INVALIDNODE (BE_BASE + 0) /* no such node */
#define BE_NODEDOWN    (BE_BASE + 1) /* that node cannot be reached */
#define BE_SAMENODE    (BE_BASE + 2) /* the process is there already */
#define BE_SLAVEDIED   (BE_BASE + 3) /* the node was lost meanwhile */
#define BE_INVALIDPROC (BE_BASE + 4) /* a process that cannot be moved */

/* States: up, down, unavailable, error, boot, and what the administrator makes up. */
#define BPROC_STATE_LEN 15

/* Attributes of nodes. */
#define BPROC_ATTR_PREFIX    "bproc."
#define BPROC_ATTR_STATE     "bproc.state"
#define BPROC_ATTR_ADDR      "bproc.addr"
#define BPROC_ATTR_NAME_LEN  63 /* the longest name */
#define BPROC_ATTR_VALUE_LEN 64 /* bytes of the longest value */
#define BPROC_ATTR_MAX       32 /* attributes of one node */

struct bproc_node_info_t {
    int node;
    char status[BPROC_STATE_LEN + 1];
    unsigned int mode;
    unsigned int user;
    unsigned int group;
    struct sockaddr addr;
};

struct bproc_proc_info_t {
    int pid;
    int node;
};

/* A descriptor that a remote process gets. */
#define BPROC_IO_MAX_LEN 16
#define BPROC_IO_FILE    0 /* a file, opened on the node */
#define BPROC_IO_SOCKET  1 /* a connection that the node makes */
#define BPROC_IO_MEMFILE 2 /* internal */

#define BPROC_IO_SEND_INFO 1
#define BPROC_IO_DELAY     2

struct bproc_io_t {
    int fd;
    short type;
    short flags;
    union {
        struct sockaddr addr;
        struct {
            int flags;
            int mode;
            long offset;
            char name[256];
        } file;
        struct {
            void *base;
            long size;
        } mem;
    } d;
};

/* Architectures. */
#define BPROC_ARCH_X86    1
#define BPROC_ARCH_ALPHA  2
#define BPROC_ARCH_PPC    3
#define BPROC_ARCH_X86_64 4
#define BPROC_ARCH_PPC64  5
#define BPROC_ARCH_ARM64  6

#define BPROC_VERSION_LEN 24

struct bproc_version_t {
    char bproc_magic[3]; /* "BPr" */
    uint8_t arch;
    uint32_t magic; /* the interface's version */
    char version_string[BPROC_VERSION_LEN];
};

#endif
