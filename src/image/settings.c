/* SPDX-License-Identifier: BSD-3-Clause */
/* settings.c - see settings.h. What a kernel does not know it has not granted either. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/settings.h"

/* Of <linux/prctl.h>, newer than what we build with. */
#define GET_MDWE   66 /* since 6.3 */
#define SET_MDWE   65
#define GET_MERGE  68 /* since 6.4 */
#define SET_MERGE  67
#define IO_PROCESS 1 /* IOPRIO_WHO_PROCESS */
#define CORE_USUAL "0x00000033"
#define USUAL_SLACK_NS 50000 /* of a process that init started */
#define BARRIER_REGISTRATIONS (1 << 9) /* MEMBARRIER_CMD_GET_REGISTRATIONS, since 6.3 */

/* What each registration grants is refused without it. */
static int barriers_try(void)
{
    static const struct {
        int granted, registration;
    } pairs[] = {{1 << 3, 1 << 4}, {1 << 5, 1 << 6}, {1 << 7, 1 << 8}};
    int barriers = 0;

    for (int i = 0; i < 3; i++)
        if (syscall(SYS_membarrier, pairs[i].granted, 0, 0) == 0)
            barriers |= pairs[i].registration;
    return barriers;
}

static void text_read(const char *path, char *text, size_t size)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static void text_write(const char *path, const char *text)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t ignored = fd >= 0 ? write(fd, text, strlen(text)) : 0;

    (void)ignored;
}

/* Its own, or what follows from its nice value. */
static int io_priority(void)
{
    return (int)syscall(SYS_ioprio_get, IO_PROCESS, 0);
}

static void schedule_read(struct bp_settings *settings)
{
    struct sched_param param = {0};

    settings->policy = sched_getscheduler(0);
    sched_getparam(0, &param);
    settings->priority = param.sched_priority;
    settings->io_priority = io_priority();
}

bool bp_settings_no_new_code(void)
{
    return prctl(GET_MDWE, 0, 0, 0, 0) > 0;
}

void bp_settings_read(struct bp_settings *settings)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    int is_reaper = 0;
    int code = errno; /* the program's; older kernels do not know all of this */
    long barriers = syscall(SYS_membarrier, BARRIER_REGISTRATIONS, 0, 0);

    memset(settings, 0, sizeof(*settings));
    settings->barriers = barriers >= 0 ? (int)barriers : barriers_try();
    settings->slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_GET_CHILD_SUBREAPER, &is_reaper);
    settings->is_reaper = is_reaper != 0;
    settings->is_capped = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    settings->is_merged = prctl(GET_MERGE, 0, 0, 0, 0) == 1;
    settings->no_new_code = prctl(GET_MDWE, 0, 0, 0, 0);
    settings->machine_check = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
    schedule_read(settings);
    text_read("/proc/self/oom_score_adj", settings->oom, sizeof(settings->oom));
    memcpy(settings->core, "0x", 3); /* it is read as hexadecimal, and written as one says */
    text_read("/proc/self/coredump_filter", settings->core + 2, sizeof(settings->core) - 2);
    if (geteuid() == 0)
        syscall(SYS_capget, &head, settings->rights);
    errno = code;
}

/* What a fork of the process would have. */
static void schedule_apply(const struct bp_settings *settings, bool is_move)
{
    struct sched_param param = {.sched_priority = settings->priority};

    if (settings->policy > SCHED_OTHER && (is_move || !(settings->policy & SCHED_RESET_ON_FORK)))
        sched_setscheduler(0, settings->policy, &param);
    if (settings->io_priority > 0 && settings->io_priority != io_priority())
        syscall(SYS_ioprio_set, IO_PROCESS, 0, settings->io_priority);
}

/* Root that has given rights away does not have them again. */
static void rights_apply(const struct bp_settings *settings)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3], less[_LINUX_CAPABILITY_U32S_3];

    if (geteuid() != 0 || syscall(SYS_capget, &head, now) < 0)
        return;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        less[i].effective = now[i].effective & settings->rights[i].effective;
        less[i].permitted = now[i].permitted & settings->rights[i].permitted;
        less[i].inheritable = now[i].inheritable & settings->rights[i].inheritable;
    }
    if (memcmp(less, now, sizeof(now)) != 0 && syscall(SYS_capset, &head, less) < 0)
        _exit(EPERM); /* cannot be: it is less */
}

void bp_settings_apply(const struct bp_settings *settings, bool is_move)
{
    int code = errno;

    for (unsigned bit = 0; bit < 16; bit++)
        if ((settings->barriers & 1 << bit) != 0)
            syscall(SYS_membarrier, 1 << bit, 0, 0);
    /* Where it has set none itself the node's stays: it is longer for many ranks on few cores. */
    if (settings->slack_ns > 0 && settings->slack_ns != USUAL_SLACK_NS)
        prctl(PR_SET_TIMERSLACK, (unsigned long)settings->slack_ns);
    if (is_move && settings->is_reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    schedule_apply(settings, is_move);
    if (settings->machine_check >= 0 && settings->machine_check != PR_MCE_KILL_DEFAULT)
        prctl(PR_MCE_KILL, PR_MCE_KILL_SET, settings->machine_check, 0, 0);
    if (settings->is_merged)
        prctl(SET_MERGE, 1, 0, 0, 0);
    if (settings->oom[0] != '\0' && strcmp(settings->oom, "0") != 0)
        text_write("/proc/self/oom_score_adj", settings->oom);
    if (settings->core[2] != '\0' && strcmp(settings->core, CORE_USUAL) != 0)
        text_write("/proc/self/coredump_filter", settings->core);
    if (settings->no_new_code > 0)
        prctl(SET_MDWE, settings->no_new_code, 0, 0, 0);
    if (settings->is_capped)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    rights_apply(settings);
    errno = code;
}
