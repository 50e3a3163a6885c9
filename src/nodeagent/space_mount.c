/* SPDX-License-Identifier: BSD-3-Clause */
/* space_mount.c - the space's own mounts, and where its PIDs come from. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/log.h"
#include "nodeagent/space_ghost.h"
#include "nodeagent/space_mount.h"

#define PID_MAX_FILE "/proc/sys/kernel/pid_max"
#define CURSOR_FILE  "/proc/sys/kernel/ns_last_pid"

enum {
    UPPER_HALF = 2097152, /* the master's PIDs stay below where the kernel can number this far */
    KERNEL_PID_MAX = 4194304,
};

static int mount_one(const char *type, const char *where, unsigned long flags, const char *options,
                     struct bp_error *err)
{
    if (mount(type, where, type, MS_NOSUID | MS_NODEV | flags, options) < 0)
        return bp_error_set(err, -errno, "cannot mount %s at %s: %s", type, where, strerror(errno));
    return 0;
}

static int set_hostname(const char *name, struct bp_error *err)
{
    if (name[0] == '\0')
        return 0;
    if (unshare(CLONE_NEWUTS) < 0 || sethostname(name, strlen(name)) < 0)
        return bp_error_set(err, -errno, "cannot set the host name: %s", strerror(errno));
    return 0;
}

int bp_space_mount_all(const struct bp_space_job *job, struct bp_error *err)
{
    const struct bp_space_setup *setup = &job->setup;
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return bp_error_set(err, -errno, "cannot make the mounts slaves: %s", strerror(errno));
    int r = mount_one("proc", "/proc", MS_NOEXEC, NULL, err);
    if (r == 0)
        r = mount_one("tmpfs", "/dev/shm", 0, "mode=1777", err);
    int allowed = r == 0 ? bp_space_ghost_allow(job) : 0;
    if (allowed < 0)
        bp_log_warning("no-placeholders why=\"%s\"", strerror(-allowed));
    if (r == 0 && setup->directory[0] != '\0') {
        char options[64];
        snprintf(options, sizeof options, "mode=0700,uid=%u,gid=%u", setup->uid, setup->gid);
        r = mount_one("tmpfs", setup->directory, 0, options, err);
    }
    return r == 0 ? set_hostname(setup->hostname, err) : r;
}

static int64_t read_number(const char *path)
{
    char text[32];
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    return strtoll(text, NULL, 10);
}

static int write_number(const char *path, int64_t number)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%lld", (long long)number);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, (size_t)length) == length ? 0 : -errno;
}

/* Since Linux 6.14 each PID namespace has its own pid_max; before, writing it would change the
 * node's. */
static int own_pid_max(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 14));
}

static int64_t upper_half(const struct bp_space_job *job)
{
    return job->pid_max > UPPER_HALF ? UPPER_HALF : job->pid_max / 2;
}

int bp_space_cursor_init(struct bp_space_job *job, struct bp_error *err)
{
    job->pid_max = read_number(PID_MAX_FILE);
    if (job->pid_max > 0 && job->pid_max < KERNEL_PID_MAX && own_pid_max() &&
        write_number(PID_MAX_FILE, KERNEL_PID_MAX) == 0)
        job->pid_max = read_number(PID_MAX_FILE);
    if (job->pid_max <= 0)
        return bp_error_set(err, -EIO, "cannot read %s", PID_MAX_FILE);
    int r = write_number(CURSOR_FILE, upper_half(job) - 1);
    if (r < 0)
        return bp_error_set(err, r, "cannot write %s: %s", CURSOR_FILE, strerror(-r));
    return 0;
}

void bp_space_cursor_check(const struct bp_space_job *job)
{
    int64_t last = read_number(CURSOR_FILE);
    if (last >= 0 && last < upper_half(job) - 1)
        write_number(CURSOR_FILE, upper_half(job) - 1);
}
