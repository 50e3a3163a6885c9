/* SPDX-License-Identifier: BSD-3-Clause */
/* vault.h - memory of OpenSSL and libevent that no child has: after a fork it reads as zeros there,
 * and a core file leaves it out; what is freed is cleared. Keys of live connections, and what has
 * just been said on them, stand in it. For a program of one thread. */
#ifndef BP_PROTO_VAULT_H
#define BP_PROTO_VAULT_H

#include <stddef.h>

/* Before the first use of either library: 0, or -EBUSY when it is too late. A child of this program
 * cannot use them. */
int bp_vault_open(void);

/* As malloc, realloc and free, also of NULL and of no bytes. */
void *bp_vault_alloc(size_t size);
void *bp_vault_realloc(void *p, size_t size);
void bp_vault_free(void *p);

#endif
