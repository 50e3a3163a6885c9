/* SPDX-License-Identifier: BSD-3-Clause */
/* maker.h - the process that the launcher starts: it makes the herd and leaves. */
#ifndef BP_GHOST_MAKER_H
#define BP_GHOST_MAKER_H

/* Exits with 0 when the herd stands, else with an errno value and no ghost is left alive. */
_Noreturn void bp_maker_run(void);

#endif
