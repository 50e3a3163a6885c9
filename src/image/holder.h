/* SPDX-License-Identifier: BSD-3-Clause */
/* holder.h - the process between the caller and the program that is held: it traces the program,
 * says once how that went, and kills it when the caller closes the link. */
#ifndef BP_IMAGE_HOLDER_H
#define BP_IMAGE_HOLDER_H

#include "image/hold.h"

enum bp_holder_end {
    BP_HOLDER_HELD,   /* at the point */
    BP_HOLDER_SYSTEM, /* the holder failed: code */
    BP_HOLDER_CHDIR,  /* code */
    BP_HOLDER_FILTER, /* the calls of initialisers cannot be watched: code */
    BP_HOLDER_EXEC,   /* execve failed: code */
    BP_HOLDER_ENDED,  /* ended before the point: code is the wait status */
    BP_HOLDER_SIGNAL, /* a fault before the point: code is the signal */
    BP_HOLDER_CALL,   /* an initialiser made system call `code`, perhaps about `text` */
};

/* One packet from the holder, or from the program before its exec, to the caller. */
struct bp_holder_report {
    uint32_t end;
    int32_t code;
    struct bp_hold hold; /* without link */
    char text[256];      /* ends with a zero */
};

/* Never returns. Runs in a fork of a program that may have had threads, with every signal blocked:
 * only async-signal-safe functions. */
_Noreturn void bp_holder_run(const struct bp_hold_order *order, int link);

#endif
