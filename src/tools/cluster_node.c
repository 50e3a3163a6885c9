/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_node.c - bpcluster-node: one machine of a `bpcluster` (namespaces whose PID 1 it is, or
 * none for the master's side) that starts, watches and ends one daemon on order. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cluster_control.h"
#include "common/mem.h"

struct options {
    struct bp_machine machine;
    const char *control;
    const char *log;
    const char *ready;
    const char *tell;
};

static const char usage[] =
    "Usage: bpcluster-node --control SOCKET --log FILE [--ready SOCKET] [MACHINE] -- COMMAND...\n"
    "       bpcluster-node --tell start|stop|kill|status|pid|end SOCKET...\n"
    "\n"
    "The first form makes a machine and prints the PID of its first process; COMMAND is its\n"
    "daemon, started by --tell start. bpcluster(8) is the program for people.\n"
    "\n"
    "      --control=SOCKET  where orders come in\n"
    "      --log=FILE        where the daemon's output is appended\n"
    "      --ready=SOCKET    accepts as soon as the daemon is ready\n"
    "MACHINE (without it the daemon runs in the caller's namespaces):\n"
    "      --name=NAME       hostname; makes the namespaces\n"
    "      --address=IP      of eth0, which the caller moves in\n"
    "      --netmask=IP\n"
    "      --hosts=FILE      its /etc/hosts\n"
    "      --key=FILE        is copied to /run/bpmix/node.key inside\n"
    "      --share=FOLDER    stays visible although below /tmp, /run or /dev/shm\n"
    "      --help\n";

enum { OPT_CONTROL = 256, OPT_LOG, OPT_READY, OPT_TELL, OPT_NAME, OPT_ADDRESS, OPT_NETMASK,
       OPT_HOSTS, OPT_KEY, OPT_SHARE, OPT_HELP };

static const struct option long_options[] = {
    {"control", required_argument, NULL, OPT_CONTROL},
    {"log", required_argument, NULL, OPT_LOG},
    {"ready", required_argument, NULL, OPT_READY},
    {"tell", required_argument, NULL, OPT_TELL},
    {"name", required_argument, NULL, OPT_NAME},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"netmask", required_argument, NULL, OPT_NETMASK},
    {"hosts", required_argument, NULL, OPT_HOSTS},
    {"key", required_argument, NULL, OPT_KEY},
    {"share", required_argument, NULL, OPT_SHARE},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static void add_share(struct bp_machine *machine, const char *folder)
{
    if (machine->share_count == BP_MACHINE_SHARES) {
        fprintf(stderr, "bpcluster-node: more than %d --share\n", BP_MACHINE_SHARES);
        exit(2);
    }
    machine->shares[machine->share_count++] = folder;
}

static void parse(struct options *o, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
        switch (option) {
        case OPT_CONTROL: o->control = optarg; break;
        case OPT_LOG: o->log = optarg; break;
        case OPT_READY: o->ready = optarg; break;
        case OPT_TELL: o->tell = optarg; break;
        case OPT_NAME: o->machine.name = optarg; break;
        case OPT_ADDRESS: o->machine.address = optarg; break;
        case OPT_NETMASK: o->machine.netmask = optarg; break;
        case OPT_HOSTS: o->machine.hosts = optarg; break;
        case OPT_KEY: o->machine.key = optarg; break;
        case OPT_SHARE: add_share(&o->machine, optarg); break;
        case OPT_HELP: fputs(usage, stdout); exit(0);
        default: exit(2);
        }
    }
}

/* Put /dev/null on 0 and 1 and the log on 2, so that the caller's descriptors are let go. */
static int detach(int log_fd, struct bp_error *err)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log_fd, 2) < 0)
        return bp_error_set(err, -errno, "/dev/null: %s", strerror(errno));
    return 0;
}

/* The machine's first process; tells by ready_fd when the machine stands, or why not. */
static void run_machine(const struct options *o, int control_fd, struct bp_daemon *daemon,
                        int ready_fd)
{
    struct bp_error err = {0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    umask(022); /* its folders are for every user, whatever its maker's files are */
    daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    setsid();
    int error = daemon->signal_fd < 0 ? bp_error_set(&err, -errno, "signalfd failed") : 0;
    if (error == 0 && o->machine.name != NULL)
        error = bp_machine_build(&o->machine, &err);
    if (error == 0)
        error = detach(daemon->log_fd, &err);
    if (error == 0)
        error = bp_control_listen(control_fd, &err);
    if (write(ready_fd, error == 0 ? "+" : err.text, error == 0 ? 1 : strlen(err.text)) < 0)
        _exit(1);
    close(ready_fd);
    if (error == 0)
        bp_control_serve(control_fd, &o->machine, daemon);
    unlink(o->control);
    _exit(error == 0 ? 0 : 1);
}

/* Wait for the first process's word; prints its PID. */
static int await_machine(pid_t pid, int ready_fd, struct bp_error *err)
{
    char text[sizeof(err->text)];
    ssize_t got = read(ready_fd, text, sizeof(text) - 1);
    if (got == 1 && text[0] == '+') {
        printf("%d\n", (int)pid);
        return 0;
    }
    waitpid(pid, NULL, 0);
    if (got <= 0)
        return bp_error_set(err, -ECHILD, "the machine died while it was made");
    text[got] = '\0';
    return bp_error_set(err, -EIO, "%s", text);
}

static int start_machine(const struct options *o, int control_fd, struct bp_daemon *daemon,
                         struct bp_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return bp_error_set(err, -errno, "pipe: %s", strerror(errno));
    auto_close int reader = fds[0];
    pid_t pid = bp_machine_fork(&o->machine, err);
    if (pid == 0)
        run_machine(o, control_fd, daemon, fds[1]);
    close(fds[1]);
    if (pid < 0)
        return pid;
    return await_machine(pid, reader, err);
}

static int make_machine(const struct options *o, char **command, struct bp_error *err)
{
    int control_fd = -1;
    struct bp_daemon daemon = {.argv = command, .ready = o->ready};
    close_range(3, ~0u, 0); /* a machine outlives its maker and must not hold what that had open */
    auto_close int log = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return bp_error_set(err, -errno, "%s: %s", o->log, strerror(errno));
    daemon.log_fd = log;
    int error = bp_control_bind(o->control, &control_fd, err);
    if (error < 0)
        return error;
    auto_close int control = control_fd;
    error = start_machine(o, control, &daemon, err);
    if (error < 0)
        unlink(o->control);
    return error;
}

int main(int argc, char **argv)
{
    struct bp_error err = {0};
    struct options o = {0};
    parse(&o, argc, argv);
    if (o.tell != NULL)
        return bp_control_tell(o.tell, argv + optind) == 0 ? 0 : 1;
    if (o.control == NULL || o.log == NULL || argv[optind] == NULL ||
        (o.machine.name != NULL && (o.machine.address == NULL || o.machine.netmask == NULL))) {
        fputs(usage, stderr);
        return 2;
    }
    if (make_machine(&o, argv + optind, &err) == 0)
        return 0;
    fprintf(stderr, "bpcluster-node: %s\n", err.text);
    return 1;
}
