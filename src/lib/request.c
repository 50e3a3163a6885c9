/* SPDX-License-Identifier: BSD-3-Clause */
/* request.c - what a job takes from the process that opens it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/launch.h"

extern char **environ;

#define LIMITS    16
#define ANCESTORS 1000

/* 0 = it has gone, or cannot be seen. */
static pid_t parent_of(pid_t pid)
{
    char path[32], text[512];
    int parent;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* A process group is orphaned when no member has a parent in the same session and another group.
 * Looked at are the launcher and those above it, up to the script that a job control shell made the
 * group for. */
static int is_orphaned(void)
{
    pid_t parent = getppid();
    for (int i = 0; i < ANCESTORS && parent > 0 && getpgid(parent) == getpgrp(); i++)
        parent = parent_of(parent);
    return parent <= 0 || getsid(parent) != getsid(0) || getpgid(parent) == getpgrp();
}

static uint64_t ignored_signals(void)
{
    uint64_t ignored = 0;
    for (int signo = 1; signo <= 64; signo++) {
        struct sigaction now;
        if (sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            ignored |= UINT64_C(1) << (signo - 1);
    }
    return ignored;
}

/* Asked of the kernel: umask() can only be asked by changing it, for all threads. */
static unsigned file_mask(void)
{
    char text[512];
    unsigned mask = 022;
    auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "\nUmask:");
    if (line != NULL)
        sscanf(line, "\nUmask: %o", &mask);
    return mask;
}

int bp_job_request_init(Bpmix__JobRequest *request, Bpmix__Place *place,
                         Bpmix__Launcher *launcher, int argc, char **argv)
{
    bpmix__job_request__init(request);
    bpmix__place__init(place);
    bpmix__launcher__init(launcher);
    request->place = place;
    request->launcher = launcher;
    request->argv = argv;
    request->n_argv = (size_t)argc;
    request->env = environ;
    while (environ[request->n_env] != NULL)
        request->n_env++;
    char *cwd = getcwd(NULL, 0);
    request->cwd = cwd != NULL ? cwd : strdup("/");
    request->umask = file_mask();
    launcher->pid = getpid();
    launcher->orphaned = is_orphaned();
    launcher->ignored = ignored_signals();
    launcher->nice = getpriority(PRIO_PROCESS, 0);
    Bpmix__Limit *rows = calloc(LIMITS, sizeof *rows);
    request->limits = calloc(LIMITS, sizeof *request->limits);
    if (rows == NULL || request->limits == NULL || request->cwd == NULL) {
        if (request->limits != NULL)
            request->limits[0] = rows;
        else
            free(rows);
        bp_job_request_done(request);
        return -ENOMEM;
    }
    request->limits[0] = rows; /* all of them in one piece */
    for (unsigned i = 0; i < LIMITS; i++) {
        struct rlimit limit;
        if (getrlimit((int)i, &limit) < 0)
            continue;
        Bpmix__Limit *row = &rows[request->n_limits];
        bpmix__limit__init(row);
        row->which = i;
        row->soft = limit.rlim_cur;
        row->hard = limit.rlim_max;
        request->limits[request->n_limits++] = row;
    }
    return 0;
}

void bp_job_request_done(Bpmix__JobRequest *request)
{
    if (request->limits != NULL)
        free(request->limits[0]);
    free(request->limits);
    free(request->cwd);
    request->n_limits = 0;
    request->limits = NULL;
    request->cwd = NULL;
}
