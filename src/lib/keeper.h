/* SPDX-License-Identifier: BSD-3-Clause */
/* keeper.h - bpkeeper: the process that carries a job for a program without an event loop. It holds
 * the job's connection, sends the image, brings the output, and ends when the job has. It is no
 * child of the program, which never hears of it; when it is killed the job ends. */
#ifndef BP_LIB_KEEPER_H
#define BP_LIB_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "image/image.h"
#include "lib/launch.h"

#define BP_KEEPER_CONTROL 3 /* descriptor: the socket to the program that started it */

/* What bpkeeper is given: one JOB_MAP frame, its body the map, its tag the process whose pages are
 * the image's (0 = there is no image), with these descriptors. */
enum bp_keeper_fd {
    BP_KEEPER_JOB,      /* the job's connection to bpmaster */
    BP_KEEPER_PROLOGUE, /* with an image: its head and tables, */
    BP_KEEPER_HOLD,     /* and what keeps that process */
    BP_KEEPER_FDS
};

/* What bpkeeper says: a packet for each rank, once. */
struct bp_keeper_news {
    uint32_t rank; /* UINT32_MAX: all of those that it has not told of */
    int32_t code; /* 0: the process runs; or a negative errno */
};

/* Start a bpkeeper, with the caller's standard output and error as its own. Its socket (blocking,
 * SOCK_SEQPACKET), which ends it when it closes before the job was given; or a negative errno. */
int bp_keeper_start(struct bp_error *err);

/* Give it the job; the launch is done with afterwards. And the image, if there is one: it stays the
 * caller's to free, and then only the keeper has it. -ECONNABORTED: it has been killed. */
int bp_keeper_give(int keeper, struct bp_launch *take_launch, const struct bp_image *image,
                   struct bp_error *err);

/* Wait for its next word. 1, 0 = it has ended, or a negative errno. */
int bp_keeper_hear(int keeper, struct bp_keeper_news *ret_news);

#endif
