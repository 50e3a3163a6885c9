/* SPDX-License-Identifier: BSD-3-Clause */
/* names.c - the name of the process, and its program file. */
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "move_test.h"

static void spoil(void)
{
    prctl(PR_SET_NAME, "spoiled");
}

int main(void)
{
    char before[PATH_MAX] = "", after[PATH_MAX] = "", name[16];
    MUST(prctl(PR_SET_NAME, "a (name) 12345"));
    MUST(readlink("/proc/self/exe", before, sizeof before - 1));
    pid_t pid = getpid();
    enum hop how = hop(spoil);
    MUST(prctl(PR_GET_NAME, name));
    CHECK(strcmp(name, "a (name) 12345") == 0, "%s", name);
    MUST(readlink("/proc/self/exe", after, sizeof after - 1));
    if (how == HOP_STAYED || geteuid() == 0) /* only root can tell the kernel another file */
        CHECK(strcmp(before, after) == 0, "the program is %s, was %s", after, before);
    CHECK((getpid() == pid) == (how != HOP_COPIED), "PID %d, was %d", getpid(), pid);
    CHECK(gettid() == getpid(), "thread %d of process %d", gettid(), getpid());
    return 0;
}
