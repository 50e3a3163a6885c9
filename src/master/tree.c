/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - the tree by which the nodes of a job pass a big image on. */
#include "master/master.h"

#define RELAY_FANOUT 2

void tree_prepare(struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++)
        bp_key_random(job->places[i].relay_ticket, sizeof job->places[i].relay_ticket);
}

void tree_fill(const struct job *job, unsigned index, Bpmix__Relay *relay)
{
    bpmix__relay__init(relay);
    const struct place *place = &job->places[index];
    const struct place *above =
        index >= RELAY_FANOUT ? &job->places[index / RELAY_FANOUT - 1] : NULL;
    unsigned first = RELAY_FANOUT * (index + 1);
    if (place->node->relay_port != 0 && first < job->place_count)
        relay->below = job->place_count - first < RELAY_FANOUT ? job->place_count - first
                                                               : RELAY_FANOUT;
    relay->own_ticket = (ProtobufCBinaryData){.data = (uint8_t *)place->relay_ticket,
                                              .len = sizeof place->relay_ticket};
    if (above == NULL || above->node->relay_port == 0)
        return;
    relay->address = above->node->address;
    relay->port = above->node->relay_port;
    relay->ticket = (ProtobufCBinaryData){.data = (uint8_t *)above->relay_ticket,
                                          .len = sizeof above->relay_ticket};
}
