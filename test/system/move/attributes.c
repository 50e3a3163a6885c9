/* SPDX-License-Identifier: BSD-3-Clause */
/* attributes.c - what a process has told the kernel of itself: classes of CPU and disk, memory and
 * core files, and what it has given up. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "move_test.h"

enum { IO_PROCESS = 1, IO_LAST = 2 << 13 | 7, SET_MDWE = 65, GET_MDWE = 66, LESS = CAP_SYS_TIME };

static void set_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    MUST(fd);
    MUST(write(fd, text, strlen(text)));
    close(fd);
}

static void check_text(const char *path, const char *wanted)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    MUST(fd);
    MUST(read(fd, text, sizeof text - 1));
    close(fd);
    text[strcspn(text, "\n")] = 0;
    CHECK(strcmp(text, wanted) == 0, "%s is %s, not %s", path, text, wanted);
}

static void spoil(void)
{
    struct sched_param none = {0};
    sched_setscheduler(0, SCHED_OTHER, &none);
}

static uint32_t rights(uint32_t without)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    MUST(syscall(SYS_capget, &head, data));
    data[0].effective &= ~without;
    data[0].permitted &= ~without;
    if (without != 0)
        MUST(syscall(SYS_capset, &head, data));
    return data[0].permitted;
}

int main(void)
{
    struct sched_param none = {0};
    int has_mdwe = prctl(GET_MDWE, 0, 0, 0, 0) >= 0 &&
                   strcmp(getenv("MOVE_HOP"), "copy") != 0 && /* the restorer would have it too */
                   strcmp(getenv("MOVE_HOP"), "back") != 0 && /* and a ghost */
                   strcmp(getenv("MOVE_HOP"), "call") != 0;
    MUST(sched_setscheduler(0, SCHED_BATCH, &none));
    MUST(syscall(SYS_ioprio_set, IO_PROCESS, 0, IO_LAST));
    MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
    set_text("/proc/self/oom_score_adj", "321");
    set_text("/proc/self/coredump_filter", "0x21");
    uint32_t left = rights(1U << LESS);
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (has_mdwe)
        MUST(prctl(SET_MDWE, 1, 0, 0, 0));
    hop(spoil);
    CHECK(sched_getscheduler(0) == SCHED_BATCH, "policy %d", sched_getscheduler(0));
    CHECK(syscall(SYS_ioprio_get, IO_PROCESS, 0) == IO_LAST, "another class of I/O");
    CHECK(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY, "another policy of errors");
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "new privileges");
    CHECK(!has_mdwe || prctl(GET_MDWE, 0, 0, 0, 0) == 1, "new code in memory");
    CHECK((rights(0) & ~left) == 0, "rights %x, not %x", rights(0), left);
    check_text("/proc/self/oom_score_adj", "321");
    check_text("/proc/self/coredump_filter", "00000021");
    return 0;
}
