/* SPDX-License-Identifier: BSD-3-Clause */
/* maker.h - the process that the launcher starts: it makes the herd and leaves. */
#ifndef BP_GHOST_MAKER_H
#define BP_GHOST_MAKER_H

#include <stdint.h>

/* Exits with 0 when the herd stands, else with an errno value and no ghost is left alive. */
_Noreturn void bp_maker_run(void);

/* Clone the process of this place of the herd, traced as the caller is; a child of the caller, or
 * with CLONE_PARENT its sibling. Its PID or -errno. */
long bp_maker_place(uint32_t place, unsigned long flags);

#endif
