/* SPDX-License-Identifier: BSD-3-Clause */
/* test_capacity.c - limits that many processes meet, in folders that look like /proc and /sys. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/capacity.h"
#include "common/mem.h"
#include "tap.h"

static char root[] = "/tmp/capacity.XXXXXX";

/* Write a file below the root, and the folders it stands in. */
static void put(const char *path, const char *text)
{
    auto_free char *full = bp_format("%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(full, 0755);
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    CU_ASSERT(file != NULL);
    if (file == NULL)
        return;
    fputs(text, file);
    fclose(file);
}

/* The sentence has `wanted` (NULL: there is none). */
static int says(uint64_t processes, uint64_t files, const char *wanted)
{
    struct bp_error err = {0};
    int r = bp_capacity_check(root, processes, files, &err);
    return wanted == NULL ? r == 0 : r < 0 && strstr(err.text, wanted) != NULL;
}

static void nothing(void)
{
    CU_ASSERT(says(UINT64_MAX, 0, NULL));
    put("/proc/loadavg", "garbage");
    put("/proc/self/cgroup", "garbage\n\n::\n0::\n0:");
    CU_ASSERT(says(UINT64_MAX, 0, NULL));
}

static void kernel(void)
{
    put("/proc/loadavg", "0.20 0.18 0.12 1/800 11206\n");
    put("/proc/sys/kernel/threads-max", "1000\n");
    put("/proc/sys/kernel/pid_max", "4000000\n");
    CU_ASSERT(says(200, 0, NULL));
    CU_ASSERT(says(201, 0, "201 more processes, but there are 800 and kernel.threads-max is 1000"));
    CU_ASSERT(says(UINT64_MAX, 0, "kernel.threads-max"));
    put("/proc/sys/kernel/threads-max", "100000\n");
    put("/proc/sys/kernel/pid_max", "300\n");
    CU_ASSERT(says(200, 0, NULL)); /* the 800 are not of our namespace */
    CU_ASSERT(says(301, 0, "kernel.pid_max is 300"));
    put("/proc/1/comm", "init");
    CU_ASSERT(says(299, 0, NULL));
    CU_ASSERT(says(300, 0, "there are 1 and kernel.pid_max is 300"));
    put("/proc/sys/kernel/pid_max", "4000000\n");
}

static void cgroup(void)
{
    put("/proc/self/cgroup", "9:name=systemd:/x\n4:pids:/batch/job\n0::/a/b\n");
    put("/sys/fs/cgroup/a/pids.max", "100\n");
    put("/sys/fs/cgroup/a/pids.current", "60\n");
    put("/sys/fs/cgroup/a/b/pids.max", "max\n");
    put("/sys/fs/cgroup/a/b/pids.current", "2\n");
    CU_ASSERT(says(40, 0, NULL));
    CU_ASSERT(says(41, 0, "there are 60 and /sys/fs/cgroup/a/pids.max is 100"));
    put("/sys/fs/cgroup/pids/batch/job/pids.max", "10\n");
    put("/sys/fs/cgroup/pids/batch/job/pids.current", "10\n");
    CU_ASSERT(says(1, 0, "/sys/fs/cgroup/pids/batch/job/pids.max is 10"));
}

static void own(void)
{
    struct rlimit files;
    put("/proc/self/cgroup", "");
    getrlimit(RLIMIT_NOFILE, &files);
    CU_ASSERT(says(0, files.rlim_max, NULL));
    CU_ASSERT(says(0, files.rlim_max + 1, "ulimit -Hn"));
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"what cannot be read limits nothing", nothing},
        {"the kernel's limits", kernel},
        {"the cgroups'", cgroup},
        {"our own", own},
        {NULL, NULL},
    };
    if (mkdtemp(root) == NULL)
        return 1;
    int r = bp_tap_run("capacity", tests);
    auto_free char *clean = bp_format("rm -rf %s", root);
    return system(clean) == 0 ? r : 1;
}
