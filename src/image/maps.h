/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.h - the mappings of a process, from /proc/PID/smaps. */
#ifndef BP_IMAGE_MAPS_H
#define BP_IMAGE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

enum bp_map_flags {      /* from VmFlags */
    BP_MAP_IO = 1,       /* of a device, or without pages of its own */
    BP_MAP_HUGETLB = 2,
    BP_MAP_USERFAULT = 4,
    BP_MAP_SHADOW_STACK = 8,
};

struct bp_map {
    uint64_t start, end, offset, inode;
    uint64_t resident_kib, swapped_kib;
    uint32_t prot;  /* PROT_* */
    uint32_t flags; /* enum bp_map_flags */
    uint32_t area_flags; /* enum bp_image_area_flags, those that VmFlags tell */
    uint32_t key; /* protection key */
    bool is_shared;
    const char *path; /* "" = none; "[stack]" and the like; " (deleted)" at the end as it is */
};

struct bp_maps {
    struct bp_map *maps;
    size_t count;
    char *text; /* holds the paths; a mapping */
    size_t text_room;
};

/* [vsyscall] is left out. */
int bp_maps_read(pid_t pid, struct bp_maps *ret_maps, struct bp_error *err);
void bp_maps_done(struct bp_maps *maps);

/* Read a file of /proc/PID to its end, a 0 after it; the caller frees it. */
int bp_proc_read(pid_t pid, const char *name, char **ret_text, size_t *ret_bytes,
                 struct bp_error *err);

#endif
