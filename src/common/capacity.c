/* SPDX-License-Identifier: BSD-3-Clause */
/* capacity.c - may so many more processes and open files be had here? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/capacity.h"
#include "common/mem.h"

#define TEXT_MAX 4096

/* The beginning of a small file, or "". */
static void read_text(const char *root, const char *path, char text[TEXT_MAX])
{
    auto_free char *full = bp_format("%s%s", root, path);
    auto_close int fd = open(full, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, TEXT_MAX - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
}

/* A number, or UINT64_MAX: "max", or no such file. */
static uint64_t read_number(const char *root, const char *path)
{
    char text[TEXT_MAX];
    read_text(root, path, text);
    return text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Processes in this PID namespace; threads are left out. */
static uint64_t count_processes(const char *root)
{
    auto_free char *path = bp_format("%s/proc", root);
    uint64_t count = 0;
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
    if (folder != NULL)
        closedir(folder);
    return count;
}

static int exceeds(uint64_t now, uint64_t more, uint64_t most)
{
    return more > most || now > most - more;
}

static int refuse(uint64_t more, uint64_t now, const char *limit, uint64_t most,
                  struct bp_error *err)
{
    return bp_error_set(err, -EAGAIN, "%llu more processes, but there are %llu and %s is %llu",
                        (unsigned long long)more, (unsigned long long)now, limit,
                        (unsigned long long)most);
}

/* All tasks of the machine are known: "0.20 0.18 0.12 1/80 11206". pid_max may be that of our
 * namespace alone, which are counted only when they may be too many. */
static int check_kernel(const char *root, uint64_t more, struct bp_error *err)
{
    char text[TEXT_MAX];
    unsigned long long tasks = 0;
    read_text(root, "/proc/loadavg", text);
    if (sscanf(text, "%*s %*s %*s %*u/%llu", &tasks) != 1)
        return 0;
    uint64_t most = read_number(root, "/proc/sys/kernel/threads-max");
    if (exceeds(tasks, more, most))
        return refuse(more, tasks, "kernel.threads-max", most, err);
    most = read_number(root, "/proc/sys/kernel/pid_max");
    uint64_t now = exceeds(tasks, more, most) ? count_processes(root) : 0;
    return exceeds(now, more, most) ? refuse(more, now, "kernel.pid_max", most, err) : 0;
}

static int check_group(const char *root, const char *group, uint64_t more, struct bp_error *err)
{
    auto_free char *most_path = bp_format("%s/pids.max", group);
    auto_free char *now_path = bp_format("%s/pids.current", group);
    uint64_t most = read_number(root, most_path), now = read_number(root, now_path);
    if (now == UINT64_MAX || !exceeds(now, more, most))
        return 0;
    return refuse(more, now, most_path, most, err);
}

/* Our cgroup and those above it. The line of version 2 is "0::/PATH", of 1 "9:pids:/PATH". */
static int check_cgroup(const char *root, uint64_t more, struct bp_error *err)
{
    char text[TEXT_MAX];
    read_text(root, "/proc/self/cgroup", text);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        int first = strncmp(line, "0::/", 4) == 0;
        char *pids = first ? NULL : strstr(line, ":pids:/");
        if (!first && pids == NULL)
            continue;
        const char *mount = first ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
        auto_free char *group = bp_format("%s%s", mount, first ? line + 3 : pids + 6);
        for (size_t length; (length = strlen(group)) > strlen(mount);) {
            int r = check_group(root, group, more, err);
            if (r < 0)
                return r;
            *strrchr(group, '/') = '\0';
        }
    }
    return 0;
}

/* How many the user has is known to the kernel alone: at least these. */
static int check_user(uint64_t processes, struct bp_error *err)
{
    struct rlimit limit;
    if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 || processes < limit.rlim_cur)
        return 0;
    return bp_error_set(err, -EAGAIN, "%llu more processes, but the user's limit (ulimit -u) "
                        "is %llu", (unsigned long long)processes,
                        (unsigned long long)limit.rlim_cur);
}

static int check_files(uint64_t files, struct bp_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || files <= limit.rlim_max)
        return 0;
    return bp_error_set(err, -EAGAIN, "%llu open files, but the hard limit (ulimit -Hn) is %llu",
                        (unsigned long long)files, (unsigned long long)limit.rlim_max);
}

int bp_capacity_check(const char *root, uint64_t processes, uint64_t files, struct bp_error *err)
{
    int r = check_user(processes, err);
    if (r == 0)
        r = check_kernel(root, processes, err);
    if (r == 0)
        r = check_cgroup(root, processes, err);
    return r == 0 ? check_files(files, err) : r;
}
