/* SPDX-License-Identifier: BSD-3-Clause */
/* space_ghost.c - a copy of bpghost with one file capability stands in place of bpghost, in this
 * space's mounts alone. Whoever executes it gets processes that are bpghost's, with PIDs of his
 * choice in his own space, and nothing else: it gives the right up before it does anything more.
 * The file is in a mount below the job's directory; to take that away would cost milliseconds. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_ghost.h"

#define PROGRAM BP_LIBEXECDIR "/bpghost"

static int copy_program(const char *path)
{
    struct vfs_cap_data rights = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    struct stat st;
    auto_close int from = open(PROGRAM, O_RDONLY | O_CLOEXEC);
    auto_close int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (from < 0 || to < 0 || fstat(from, &st) < 0)
        return -errno;
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
            return -EIO;
    rights.data[CAP_TO_INDEX(CAP_CHECKPOINT_RESTORE)].permitted =
        CAP_TO_MASK(CAP_CHECKPOINT_RESTORE);
    return fsetxattr(to, "security.capability", &rights, XATTR_CAPS_SZ_2, 0) < 0 ? -errno : 0;
}

int bp_space_ghost_allow(const struct bp_space_job *job)
{
    const char *directory = job->setup.directory;
    char path[sizeof job->setup.directory + 16];
    if (job->setup.uid == 0 || directory[0] == '\0')
        return 0; /* root may anyway */
    snprintf(path, sizeof path, "%s/bpghost", directory);
    if (mount("tmpfs", directory, "tmpfs", MS_NODEV, "mode=0755") < 0)
        return -errno;
    int r = copy_program(path);
    if (r == 0 && mount(path, PROGRAM, NULL, MS_BIND, NULL) < 0)
        r = -errno;
    return r;
}
