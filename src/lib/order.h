/* SPDX-License-Identifier: BSD-3-Clause */
/* order.h - which processes a call of libbproc wants, and the job that is opened for them. */
#ifndef BP_LIB_ORDER_H
#define BP_LIB_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "image/image.h"
#include "lib/descriptors.h"
#include "lib/launch.h"

struct bp_order {
    const int *nodes; /* a process on each, in this order; a node may stand here several times */
    int count;
    bool in_place;     /* the one process is the caller itself */
    bool go_home;      /* a crew: they are made when they have come home */
    bool lasting;      /* further jobs may come to be inside of this one; bp_job_release ends it */
    uint64_t inside;   /* 0, or the lasting job in whose spaces it is to be */
    char *const *argv; /* ends with NULL; what ps shows */
    const char *program; /* with EXEC: the node's file to execute */
    char *const *envp; /* ends with NULL; NULL = the caller's */
    uint64_t blocked;  /* home, not with SELF: signals, bit s-1 */
    Bpmix__Start start;
    struct bp_image *image; /* NULL: there is none, or not yet */
    const struct bproc_io_t *io;  /* taken; the node opens what it can of them */
    int io_count;
};

/* The words that this process was started with, for argv; ends with NULL; free() it. NULL = no
 * memory. */
char **bp_order_own_words(void);

/* What this image wants of a node's CPU; the request borrows it from the image. */
void bp_order_cpu(Bpmix__JobRequest *request, const struct bp_image *image);

#define BP_ORDER_ADDRESS 32 /* bytes of "ADDRESS:PORT" */

struct bp_order_files { /* that the node opens; points into itself and into the order */
    Bpmix__OpenFile files[BPROC_IO_MAX_LEN], *rows[BPROC_IO_MAX_LEN];
    char addresses[BPROC_IO_MAX_LEN][BP_ORDER_ADDRESS];
    size_t count;
};
void bp_order_fill_files(const struct bp_order *order, struct bp_order_files *ret_files);

size_t bp_order_vector_length(char *const *vector);

/* Ask bpmaster for the job of an order, as bp_launch_open does. -BE_INVALIDNODE, -BE_NODEDOWN,
 * -ESTALE: it cannot be inside of that one any more, or another negative errno. */
int bp_order_open(const struct bp_order *order, struct bp_launch *ret_launch,
                  struct bp_local_message *ret_herds, struct bp_error *err);

/* Ask only, as bp_launch_ask does; with SELF the image may come later. */
int bp_order_ask(const struct bp_order *order, struct bp_error *err);

#endif
