/* SPDX-License-Identifier: BSD-3-Clause */
/* launcher.c - what a launcher makes of itself before it has a job. */
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "common/mem.h"
#include "lib/client.h"
#include "tools/launcher.h"

/* Reading or writing the terminal in the background must stop us as any program, and our own faults
 * must end us. */
void launcher_take_signals(int fd, sigset_t *ret_old)
{
    static const int not_ours[] = {SIGTTIN, SIGTTOU, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
                                   SIGTRAP, SIGSYS, SIGPIPE};
    sigset_t mask;
    sigfillset(&mask);
    for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++)
        sigdelset(&mask, not_ours[i]);
    struct sigaction old;
    for (int signal = 1; signal <= 64; signal++) /* nohup: what is ignored stays ignored */
        if (sigaction(signal, NULL, &old) == 0 && old.sa_handler == SIG_IGN && signal != SIGCHLD)
            sigdelset(&mask, signal);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &mask, ret_old);
    signalfd(fd, &mask, 0);
}

void launcher_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

char **launcher_leave_own(Bpmix__JobRequest *request)
{
    static const char *const names[] = {"PMIX_", "OMPI_COMM_WORLD_", "BPROC_RANK=", "BPROC_NODE="};
    size_t count = 0;
    if (bp_client_node() < 0)
        return NULL;
    char **env = bp_calloc(request->n_env + 1, sizeof *env);
    for (size_t i = 0; i < request->n_env; i++) {
        int own = 0;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            own |= strncmp(request->env[i], names[k], strlen(names[k])) == 0;
        if (!own)
            env[count++] = request->env[i];
    }
    request->env = env;
    request->n_env = count;
    return env;
}
