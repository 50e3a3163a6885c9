/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_exe.c - /proc/self/exe of a process whose maker left it the one capability for that. The
 * kernel lets it be changed only when nothing of the old file is mapped. The image is not open to
 * any of this: file and flags come from the maker. */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "image/restore.h"

void bp_restore_exe_leave(struct bp_restore *restore, void (*go_on)(struct bp_restore *restore))
{
    uint64_t bytes = bp_restore_code_copy(NULL), here = (uint64_t)&__ehdr_start;
    long place =
        BP_SYS(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long rc = place;

    if (!bp_is_error(rc)) {
        bp_restore_code_copy((char *)place);
        rc = BP_SYS(SYS_mprotect, place, bytes, PROT_READ | PROT_EXEC, 0, 0, 0);
    }
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "there is no memory for the restorer", NULL);
    restore->exec_place = here;
    restore->exec_bytes = bytes;
    go_on = (void (*)(struct bp_restore *))((uint64_t)place + ((uint64_t)go_on - here));
    go_on(restore);
    __builtin_unreachable();
}

/* What the kernel refuses is left as it is: /proc/self/exe then names the restorer. The layout is
 * one that the kernel takes; restore_state.c sets the process's own. */
void bp_restore_exe_set(const struct bp_restore *restore)
{
    uint64_t place = restore->exec_place, end = place + restore->exec_bytes;
    struct prctl_mm_map map = {
        .start_code = place,
        .end_code = place + 1,
        .start_data = place,
        .end_data = place + 1,
        .start_brk = end,
        .brk = end,
        .start_stack = restore->args.start,
        .arg_start = restore->args.start,
        .arg_end = restore->args.end,
        .env_start = restore->args.start,
        .env_end = restore->args.end,
        .exe_fd = (uint32_t)restore->exe_fd,
    };

    BP_SYS(SYS_munmap, place, restore->exec_bytes, 0, 0, 0, 0);
    BP_SYS(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
    BP_SYS(SYS_close, restore->exe_fd, 0, 0, 0, 0, 0);
}

/* The ambient ones go with the others. */
void bp_restore_exe_drop(const struct bp_restore *restore)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    long rc;

    bp_bytes_zero(none, sizeof(none));
    rc = BP_SYS(SYS_capset, &head, none, 0, 0, 0, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the capabilities cannot be dropped", NULL);
}
