/* SPDX-License-Identifier: BSD-3-Clause */
/* client.h - the local connection to bpmaster. */
#ifndef BP_LIB_CLIENT_H
#define BP_LIB_CLIENT_H

#include "proto/local.h"
#include "proto/pack.h"

/* A blocking connection to the bpmaster of this machine, or to the one whose socket the variable
 * BPMIX_MASTER names. The descriptor, or a negative errno. */
int bp_client_connect(struct bp_error *err);

/* Send a request (message may be NULL) and wait for its answer of type `answer`; a REFUSED becomes
 * an error with bpmaster's sentence. Free *ret_message with bp_local_done. */
int bp_client_ask(int fd, unsigned type, const void *message, unsigned answer,
                  struct bp_local_message *ret_message, struct bp_error *err);

#endif
