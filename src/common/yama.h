/* SPDX-License-Identifier: BSD-3-Clause */
/* yama.h - whom the kernel's Yama module lets trace and read other processes of their own. */
#ifndef BP_COMMON_YAMA_H
#define BP_COMMON_YAMA_H

/* kernel.yama.ptrace_scope: 0 as without Yama; 1 descendants, and those that say so; 2 only root; 3
 * nobody. */
int bp_yama_scope(void);

/* Why this process may not trace even its children, in brackets for the end of a sentence; "" when
 * it may. */
const char *bp_yama_why(void);

#endif
