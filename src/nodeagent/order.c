/* SPDX-License-Identifier: BSD-3-Clause */
/* order.c - root's orders to this node: reboot, halt, power off (commands of the configuration),
 * another root for jobs, another master; and bpnode's own restart. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"

#define COMMANDS_MAX 16 /* that run at a time */

struct errand { /* a command that runs */
    struct agent *agent;
    uint64_t tag;
    pid_t pid;
    int pidfd;
    struct event *event;
};

static void answer(struct agent *agent, uint64_t tag, int code, const char *text)
{
    Bpmix__NodeOrdered ordered = BPMIX__NODE_ORDERED__INIT;
    ordered.code = -code;
    ordered.text = (char *)text;
    if (code < 0)
        bp_log_warning("order-failed why=\"%s\"", text);
    agent_send(agent, &(struct bp_frame){.type = BP_NODE_ORDERED, .tag = tag}, &ordered);
}

/* ---- commands ---- */

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct errand *errand = arg;
    char text[80];
    int status = 0;
    waitpid(errand->pid, &status, 0);
    snprintf(text, sizeof text, "its command ended by %s %d",
             WIFSIGNALED(status) ? "signal" : "exit status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    answer(errand->agent, errand->tag, status == 0 ? 0 : -EIO, status == 0 ? "" : text);
    event_free(errand->event);
    close(errand->pidfd);
    errand->agent->commands_running--;
    free(errand);
}

static int spawn_shell(const char *command, pid_t *ret_pid)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    char *envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int run_command(struct agent *agent, const char *command, uint64_t tag,
                       struct bp_error *err)
{
    if (command == NULL)
        return bp_error_set(err, -EOPNOTSUPP, "this node has no command for it (options --reboot, "
                            "--halt, --power-off of bpnode)");
    if (agent->commands_running == COMMANDS_MAX)
        return bp_error_set(err, -EBUSY, "%d commands run already", COMMANDS_MAX);
    struct errand *errand = bp_calloc(1, sizeof *errand);
    *errand = (struct errand){.agent = agent, .tag = tag};
    int r = spawn_shell(command, &errand->pid);
    if (r == 0) {
        errand->pidfd = (int)syscall(SYS_pidfd_open, errand->pid, 0);
        r = errand->pidfd < 0 ? -errno : 0;
    }
    if (r < 0) {
        free(errand);
        return bp_error_set(err, r, "/bin/sh: %s", strerror(-r));
    }
    agent->commands_running++;
    errand->event = event_new(agent->base, errand->pidfd, EV_READ, on_end, errand);
    event_add(errand->event, NULL);
    return 0;
}

/* ---- another root ---- */

/* What a root needs of the system; a folder that it does not have it does without. */
static void bind_system(const char *root)
{
    static const char *const folders[] = {"/proc", "/dev", "/sys", "/run"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        auto_free char *where = bp_format("%s%s", root, folders[i]);
        mount(folders[i], where, NULL, MS_BIND | MS_REC, NULL);
    }
}

/* In mounts of our own, so that nothing of it outlives this bpnode. */
static int change_root(struct agent *agent, const char *path, struct bp_error *err)
{
    auto_free char *program = bp_format("%s" BP_LIBEXECDIR "/bpspace", path);
    if (path[0] != '/')
        return bp_error_set(err, -EINVAL, "a root is an absolute path");
    if (access(program, X_OK) < 0)
        return bp_error_set(err, -errno, "%.200s: %s: a root for jobs holds bpmix itself, at the "
                            "same place", program, strerror(errno));
    if (agent->first_mounts < 0)
        agent->first_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (agent->first_mounts < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return bp_error_set(err, -errno, "%.200s: mount: %s", path, strerror(errno));
    bind_system(path);
    if (chroot(path) < 0 || chdir("/") < 0)
        return bp_error_set(err, -errno, "%.200s: chroot: %s", path, strerror(errno));
    bp_log_info("root path=%s", path);
    return 0;
}

/* ---- another master; a restart ---- */

static int read_address(const char *host, uint32_t port, struct sockaddr_in *ret)
{
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return port <= 65535 && inet_pton(AF_INET, host, &ret->sin_addr) == 1 ? 0 : -EINVAL;
}

static int reconnect(struct agent *agent, const Bpmix__NodeOrder *order, struct bp_error *err)
{
    struct sockaddr_in remote, local = agent->local;
    if (order->host[0] != '\0' && read_address(order->host, order->port, &remote) < 0)
        return bp_error_set(err, -EINVAL, "%.60s is no IPv4 address of a master", order->host);
    if (order->local_host[0] != '\0' &&
        read_address(order->local_host, order->local_port, &local) < 0)
        return bp_error_set(err, -EINVAL, "%.60s is no IPv4 address", order->local_host);
    if (order->host[0] != '\0') {
        snprintf(agent->host, sizeof agent->host, "%s", order->host);
        agent->port = order->port != 0 ? (int)order->port : agent->port;
    }
    agent->local = local;
    join_lost(agent, "told to connect anew"); /* bpmaster takes this for the answer */
    return 1;
}

void order_restart(struct agent *agent)
{
    bp_log_info("restarting");
    if (agent->first_mounts >= 0)
        setns(agent->first_mounts, CLONE_NEWNS);
    setrlimit(RLIMIT_NOFILE, &agent->files);
    execv("/proc/self/exe", agent->restart_argv);
    bp_log_error("restart: %s", strerror(errno));
    _exit(1);
}

/* ---- frames ---- */

int order_frame(struct agent *agent, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    struct bp_error why = {0};
    auto_unpack Bpmix__NodeOrder *order =
        BP_UNPACK(NodeOrder, node_order, body, frame->length, err);
    if (order == NULL)
        return err->code;
    switch (order->kind) {
    case BPMIX__NODE_ORDER__KIND__REBOOT:
        run_command(agent, agent->reboot, frame->tag, &why);
        break;
    case BPMIX__NODE_ORDER__KIND__HALT:
        run_command(agent, agent->halt, frame->tag, &why);
        break;
    case BPMIX__NODE_ORDER__KIND__POWER_OFF:
        run_command(agent, agent->power_off, frame->tag, &why);
        break;
    case BPMIX__NODE_ORDER__KIND__CHROOT:
        if (change_root(agent, order->path, &why) == 0)
            answer(agent, frame->tag, 0, "");
        break;
    case BPMIX__NODE_ORDER__KIND__RECONNECT:
        if (reconnect(agent, order, &why) == 1)
            return 1; /* the channel is gone */
        break;
    default:
        bp_error_set(&why, -EINVAL, "an unknown order");
        break;
    }
    if (why.code < 0)
        answer(agent, frame->tag, why.code, why.text);
    return 0;
}
