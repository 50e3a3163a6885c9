/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost_herd.h - launcher and bpmaster of one herd, played by a test. */
#ifndef BP_TEST_GHOST_HERD_H
#define BP_TEST_GHOST_HERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/ghost_record.h"

struct herd {
    int link; /* bpmaster's end */
    int gate; /* our end of a pipe */
    uint32_t count;
    pid_t maker, herder;
    pid_t pids[BP_GHOST_MAX];      /* 0 = not born */
    int born_status[BP_GHOST_MAX]; /* of those that were gone without having been born */
    uint32_t born, stillborn;
    int maker_status;
    int pids_fd;                                    /* the memory file of the setup */
    struct bp_ghost_record early[4 * BP_GHOST_MAX]; /* SIGNAL records before HERDING */
    uint32_t early_count;
    struct bp_ghost_record batch[BP_GHOST_BATCH];
    uint32_t batch_first, batch_count;
    uint32_t continues[BP_GHOST_SLOTS]; /* SIGCONTs told since the slot's ghost was born */
};

/* Start bpghost; the maker is not waited for. */
void herd_start(struct herd *herd, const struct bp_ghost_setup *setup, size_t setup_size);

/* As herd_start, but bpghost is executed when `gate` is closed. */
void herd_start_gated(struct herd *herd, const struct bp_ghost_setup *setup);

/* Wait for the maker and take the records up to HERDING (or FAILED). Returns HERDING, FAILED or 0
 * for the end of the link. */
int herd_await(struct herd *herd, struct bp_ghost_record *last);

/* Start a herd of `count` that must come up whole. */
bool herd_make(struct herd *herd, uint32_t count, uint32_t lease_ms);

/* The next record within 10 s: 1; 0 = end of the link; -1 = nothing came. */
int herd_next(struct herd *herd, struct bp_ghost_record *record);

void herd_send(struct herd *herd, const struct bp_ghost_record *record);
void herd_exit(struct herd *herd, uint32_t slot, int status);

/* PING, and everything that came before the PONG into seen; returns how many, -1 on an error. */
int herd_sync(struct herd *herd, struct bp_ghost_record *seen, int room);

/* End what runs with exit status 0, reap it, see the herder gone. False = something was wrong. */
bool herd_finish(struct herd *herd);

/* Wait until this process has ended (it may be nobody's child of ours). */
bool pid_ended(pid_t pid);

/* State letter of a process from its stat file; '-' when there is none. */
char pid_state(pid_t pid);

#endif
