/* SPDX-License-Identifier: BSD-3-Clause */
/* rights.c - who may place processes on a node. */
#include <errno.h>

#include "master/rights.h"

static int is_member(const struct bp_person *person, gid_t group)
{
    if (person->gid == group)
        return 1;
    for (unsigned i = 0; i < person->group_count; i++)
        if (person->groups[i] == group)
            return 1;
    return 0;
}

int bp_rights_allow(const struct bp_rights *rights, const struct bp_person *person)
{
    if (person->uid == 0)
        return 1;
    if (person->uid == rights->user)
        return (rights->mode & 0100) != 0;
    if (is_member(person, rights->group))
        return (rights->mode & 0010) != 0;
    return (rights->mode & 0001) != 0;
}

int bp_rights_check_change(const struct bp_rights *now, const struct bp_rights *wanted,
                           const struct bp_person *person)
{
    if (person->uid == 0)
        return 0;
    if (person->uid != now->user || wanted->user != now->user)
        return -EPERM;
    return wanted->group == now->group || is_member(person, wanted->group) ? 0 : -EPERM;
}
