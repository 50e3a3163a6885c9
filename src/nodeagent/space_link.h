/* SPDX-License-Identifier: BSD-3-Clause */
/* space_link.h - one packet between bpnode and bpspace: a record, its payload and descriptors. */
#ifndef BP_NODEAGENT_SPACE_LINK_H
#define BP_NODEAGENT_SPACE_LINK_H

#include "proto/space_record.h"

struct bp_space_packet {
    struct bp_space_record record;
    _Alignas(8) uint8_t payload[BP_SPACE_PAYLOAD_MAX]; /* record.length bytes of it */
    int fds[BP_SPACE_FDS_MAX];                         /* the holder's; born close-on-exec */
    unsigned nfds;
};

/* Send one packet: *record, record->length bytes of payload (at most BP_SPACE_PAYLOAD_MAX) and nfds
 * descriptors, which stay the caller's. Waits as fd does: with O_NONBLOCK a full socket gives
 * -EAGAIN. 0 = sent whole; else a negative errno (-EPIPE: the other side is gone). */
int bp_space_send(int fd, const struct bp_space_record *record, const void *payload, const int *fds,
                  unsigned nfds);

/* Receive one packet, never waiting. 1 = *ret_packet is filled; 0 = the other side is gone; -EAGAIN
 * = nothing yet; -EPROTO = the packet's lengths do not fit together (its descriptors are closed).
 */
int bp_space_receive(int fd, struct bp_space_packet *ret_packet);

/* Close the packet's descriptors. */
void bp_space_packet_done(struct bp_space_packet *packet);

#endif
