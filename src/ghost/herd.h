/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.h - the memory that the maker, the herder, the canary and all ghosts share. */
#ifndef BP_GHOST_HERD_H
#define BP_GHOST_HERD_H

#include <signal.h>
#include <stdint.h>

#include "proto/ghost_record.h"

#define BP_HERD_LINK   3            /* descriptor: the socket to bpmaster */
#define BP_HERD_SETUP  4            /* descriptor: the setup; from byte 64 on the PIDs go back */
#define BP_HERD_CANARY BP_GHOST_SLOTS /* the canary's place behind the slots */
#define BP_HERD_PLACES (BP_GHOST_SLOTS + 1)
#define BP_HERD_KICK   64 /* look at your order word; the last signal that the kernel hands out */
#define BP_HERD_BRAKE  33 /* a ghost raises it where it shall be stopped; a libc's, so no user's */

/* Bits of the order word: set by the herder, taken all at once by the ghost. */
enum bp_herd_order {
    BP_ORDER_REPORT_FIRST = 1, /* tell of `report`, which came before the signal in hand */
    BP_ORDER_REPORT_AFTER = 2, /* tell of `report`, which came after the signal in hand */
    BP_ORDER_NAME = 4,         /* take `name` as comm */
    BP_ORDER_ANSWER = 8,       /* say that every signal before this kick was told */
    BP_ORDER_STOP = 16,        /* stop by stop_signo */
    BP_ORDER_EXIT = 32,        /* end with exit_status */
    BP_ORDER_BREED = 64,       /* make the children that `brood` names */
    BP_ORDER_BECOME = 128,     /* execute bphome */
};

/* Types of records in the report pipe, beside BP_GHOST_SIGNAL. */
enum bp_herd_report {
    BP_REPORT_ANSWER = 1000, /* slot: what BP_ORDER_ANSWER asked for */
    BP_REPORT_NAMED,         /* the maker has named the herder as its tracer */
    BP_REPORT_MADE,          /* pid: how many ghosts were made; status: 0 or errno */
    BP_REPORT_UNMADE,        /* slot, status: this child could not be made, errno */
    BP_REPORT_LEAVING,       /* slot: its last word before bphome */
    BP_REPORT_STAYS,         /* slot, status: bphome cannot be executed, errno */
    BP_REPORT_CHILD,         /* slot, value: of its child; code: CLD_*; status: of its end, or the
                              * signal that stopped it */
};

struct bp_herd_slot {
    uint32_t order;       /* atomic */
    uint32_t kicks;       /* atomic: counts kicks, each before it is sent */
    uint32_t kicks_taken; /* the ghost's own count */
    int32_t want_stop;    /* atomic: the stop signal the ghost shall be stopped by; 0 = run */
    uint32_t stop_after;  /* bpmaster wanted that when it had heard of so many of its SIGCONTs */
    uint32_t continues;   /* atomic: SIGCONTs that were told, or are about to be */
    int32_t stop_by;      /* atomic: what the herder puts in the brake's place; 0 = no brake */
    int32_t stopped;      /* atomic: the herder saw the stop that the ghost asked for */
    int32_t exit_status;
    siginfo_t in_hand; /* si_signo is 0 unless the ghost has taken a signal and not told of it */
    struct {
        int32_t signo, code, sender_pid;
        uint32_t sender_uid;
    } report; /* a stop signal that the herder caught; the ghost tells of it, so order is kept */
    char name[16];
    uint32_t brood; /* atomic: the latest child to be made, its slot + 1; 0 = none */
    uint32_t next;  /* in the list that begins there */
    uint32_t breeds;       /* the ghost's own: it has made children, */
    uint32_t parent;       /* and this is one of that place, */
    int32_t child;         /* atomic: with this PID; 0 = reaped */
};

struct bp_herd {
    struct bp_ghost_setup setup;
    int32_t maker, herder;         /* PIDs */
    int32_t midwife;               /* of a herder that must not stay the maker's child */
    int32_t stillborn;             /* atomic: 1 = its midwife has seen that herder end */
    int32_t go;                    /* atomic: 1 = the maker is traced and may make ghosts */
    int32_t verdict;               /* atomic: the maker's exit status, -1 = not known yet */
    int report_in, report_out;     /* the pipe from all to the herder */
    int32_t pids[BP_HERD_PLACES];  /* written by clone before the process first runs */
    int32_t alive[BP_HERD_PLACES]; /* atomic: 1; the kernel writes 0 when the process dies */
    struct bp_herd_slot slots[BP_HERD_PLACES];
};

extern struct bp_herd bp_herd;

#endif
