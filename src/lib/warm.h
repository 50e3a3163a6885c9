/* SPDX-License-Identifier: BSD-3-Clause */
/* warm.h - how a program that bprun --warm started hands over its image, at its call of bproc_warm:
 * one message each way on a SOCK_SEQPACKET socket whose number the environment tells. */
#ifndef BP_LIB_WARM_H
#define BP_LIB_WARM_H

#include <stdint.h>

#define BP_WARM_VARIABLE "BPMIX_WARM" /* descriptor number, decimal */
#define BP_WARM_VERSION  1

/* From the program. code 0: beside it go two descriptors, of the prologue and the one that keeps
 * the frozen process. Else a negative errno, and text says why there is no image. The end of the
 * connection says that the program may end. */
struct bp_warm_offer {
    uint32_t version;
    int32_t code;
    int32_t source; /* PID of the frozen process */
    char text[244]; /* ends in 0 */
};

_Static_assert(sizeof(struct bp_warm_offer) == 256, "the same for every program");

#endif
