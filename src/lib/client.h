/* SPDX-License-Identifier: BSD-3-Clause */
/* client.h - the local connection to bpmaster. */
#ifndef BP_LIB_CLIENT_H
#define BP_LIB_CLIENT_H

#include "proto/local.h"
#include "proto/pack.h"

/* The node that this process runs on: PID 1 of a job's namespaces says it. -1 = none. */
int bp_client_node(void);

/* The socket of this machine's bpmaster, or the one that the variable BPMIX_MASTER names; in a job
 * on a node that job's own, from where its bpnode passes on what is asked. */
const char *bp_client_path(void);

/* A blocking connection to that bpmaster. The descriptor, or a negative errno. */
int bp_client_connect(struct bp_error *err);

/* Send a request (message may be NULL) and wait for its answer of type `answer`; a REFUSED becomes
 * an error with bpmaster's sentence. Free *ret_message with bp_local_done. */
int bp_client_ask(int fd, unsigned type, const void *message, unsigned answer,
                  struct bp_local_message *ret_message, struct bp_error *err);

/* The same for a frame that says more than its type (type, node and job count). */
int bp_client_request(int fd, struct bp_frame frame, const void *message, unsigned answer,
                      struct bp_local_message *ret_message, struct bp_error *err);

/* The same on a connection of its own. */
int bp_client_call(struct bp_frame frame, const void *message, unsigned answer,
                   struct bp_local_message *ret_message, struct bp_error *err);

/* Its two halves: send, and wait for the answer. */
int bp_client_send(int fd, struct bp_frame frame, const void *message, struct bp_error *err);
int bp_client_answer(int fd, unsigned answer, struct bp_local_message *ret_message,
                     struct bp_error *err);
/* The next frame may also be of type `news`: then the answer is still to come. */
int bp_client_news(int fd, unsigned news, unsigned answer, struct bp_local_message *ret_message,
                   struct bp_error *err);

/* NODE_LIST whose answer NODES comes when so many nodes are up. */
int bp_client_ask_nodes(int fd, uint32_t up, struct bp_local_message *ret_message,
                        struct bp_error *err);

#endif
