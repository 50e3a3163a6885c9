/* SPDX-License-Identifier: BSD-3-Clause */
/* rights.h - who may place processes on a node. Pure. */
#ifndef BP_MASTER_RIGHTS_H
#define BP_MASTER_RIGHTS_H

#include <sys/types.h>

#define BP_RIGHTS_MODE 0111 /* where nothing else is said: everybody */

struct bp_rights {
    uid_t user;
    gid_t group;
    unsigned mode; /* the x bits of user, group, others: nothing else */
};

struct bp_person { /* borrowed */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    unsigned group_count;
};

/* As the kernel judges the x of a file, root being always allowed. */
int bp_rights_allow(const struct bp_rights *rights, const struct bp_person *person);

/* May this person set the rights to that? Root anything; the owner another mode, and another group
 * that he is in. 0 or -EPERM. */
int bp_rights_check_change(const struct bp_rights *now, const struct bp_rights *wanted,
                           const struct bp_person *person);

#endif
