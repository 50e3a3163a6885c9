/* SPDX-License-Identifier: BSD-3-Clause */
/* local.h - frames with descriptors beside them over a local SOCK_SEQPACKET socket: tools and
 * bpmaster. A body too big for one packet travels as a memory file, which the receiver copies. */
#ifndef BP_PROTO_LOCAL_H
#define BP_PROTO_LOCAL_H

#include "proto/frame.h"

#define BP_LOCAL_FDS_MAX    64
/* Beside bpmaster's socket: the list of libraries, each path with its NUL; no file: it is empty. */
#define BP_LIBRARIES_FILE   "libraries"
#define BP_LOCAL_INLINE_MAX 32768 /* bytes of a body sent within the packet */

struct bp_local_message {
    struct bp_frame frame;
    uint8_t *body; /* frame.length bytes; owned */
    int fds[BP_LOCAL_FDS_MAX];
    unsigned fd_count;
};

/* Send one frame; fds stay the caller's. 0, -EAGAIN (try when writable), or the error. */
int bp_local_send(int socket, const struct bp_frame *frame, const void *body, const int *fds,
                  unsigned fd_count);

/* Receive one frame that a peer of kind `from` sent to one of kind `to`. 1 = got one (free it with
 * bp_local_done), 0 = end of file, -EAGAIN, or an error with its sentence. */
int bp_local_receive(int socket, enum bp_peer from, enum bp_peer to,
                     struct bp_local_message *ret_message, struct bp_error *err);

/* Free the body and close the descriptors that were not taken (set to -1). */
void bp_local_done(struct bp_local_message *message);

/* A connection to the socket at path; blocking. The descriptor, or a negative errno. */
int bp_local_connect(const char *path, struct bp_error *err);

#endif
