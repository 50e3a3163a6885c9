/* SPDX-License-Identifier: BSD-3-Clause */
/* space_exe.c - see space_exe.h. The name is read from the sealed image that bpnode has checked. */
#include "nodeagent/space_exe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/decode.h"

void bp_space_exe_prepare(void)
{
    prctl(PR_SET_KEEPCAPS, 1);
}

int bp_space_exe_drop(int keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
    if (keep) {
        caps[CAP_TO_INDEX(CAP_CHECKPOINT_RESTORE)].permitted =
            caps[CAP_TO_INDEX(CAP_CHECKPOINT_RESTORE)].inheritable =
                CAP_TO_MASK(CAP_CHECKPOINT_RESTORE);
        if (syscall(SYS_capset, &header, caps) == 0)
            return 0;
        memset(caps, 0, sizeof caps); /* this system has none to give */
    }
    return syscall(SYS_capset, &header, caps) < 0 ? -errno : 0;
}

/* The path of the program; "" when it is too long or not there. */
static void path_read(int image, char path[PATH_MAX])
{
    struct bp_image_head head;
    struct bp_image_layout layout;
    path[0] = '\0';
    if (pread(image, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        bp_image_decode_head(&head, &layout) != NULL || head.exe >= head.strings_bytes)
        return;
    ssize_t got = pread(image, path, PATH_MAX, (off_t)(layout.strings + head.exe));
    if (got <= 0 || path[0] != '/' || memchr(path, '\0', (size_t)got) == NULL)
        path[0] = '\0';
}

int bp_space_exe_open(int image)
{
    char path[PATH_MAX];
    struct stat st;
    path_read(image, path);
    auto_close int fd = path[0] != '\0' ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHECKPOINT_RESTORE, 0, 0) == 0)
        return bp_take_fd(fd);
    bp_space_exe_drop(0);
    return -1;
}
