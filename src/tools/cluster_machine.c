/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_machine.c - the namespaces of a node of `bpcluster`. */
#include "cluster_machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"

#define FILE_BYTES_MAX (1u << 20)
#define PRIVATE_DIR    "/run/bpmix"

static const struct private_mount {
    const char *path;
    const char *options;
} private_mounts[] = {
    {"/tmp", "mode=1777"},
    {"/run", "mode=0755"},
    {"/dev/shm", "mode=1777"},
};

pid_t bp_machine_fork(const struct bp_machine *machine, struct bp_error *err)
{
    unsigned long flags = SIGCHLD;
    if (machine->name != NULL)
        flags |= CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID;
    /* Not unshare and fork: after that the maker itself could not fork or start a thread again. */
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid < 0)
        return bp_error_set(err, -errno, "cannot make a process in new namespaces: %s",
                            strerror(errno));
    return (pid_t)pid;
}

/* Whether path lies below (and is not) one of the private mounts, so that those would hide it. */
static int is_hidden(const char *path)
{
    for (size_t i = 0; i < sizeof(private_mounts) / sizeof(private_mounts[0]); i++) {
        size_t length = strlen(private_mounts[i].path);
        if (strncmp(path, private_mounts[i].path, length) == 0 && path[length] == '/' &&
            path[length + 1] != '\0')
            return 1;
    }
    return 0;
}

static int make_folders(const char *path, struct bp_error *err)
{
    char part[4096];
    if (strlen(path) >= sizeof(part))
        return bp_error_set(err, -ENAMETOOLONG, "%.60s...: too long", path);
    strcpy(part, path);
    for (char *slash = part + 1; slash != NULL; *slash++ = '/') {
        slash = strchr(slash, '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return bp_error_set(err, -errno, "%s: mkdir: %s", part, strerror(errno));
        if (slash == NULL)
            break;
    }
    return 0;
}

/* Show the folder that was opened as fd before the private mounts at path again. */
static int show_again(int fd, const char *path, struct bp_error *err)
{
    char from[64];
    int error = make_folders(path, err);
    if (error < 0)
        return error;
    snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
    if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) != 0)
        return bp_error_set(err, -errno, "%s: cannot share it: %s", path, strerror(errno));
    return 0;
}

static int mount_private(struct bp_error *err)
{
    for (size_t i = 0; i < sizeof(private_mounts) / sizeof(private_mounts[0]); i++) {
        const struct private_mount *m = &private_mounts[i];
        if (mount("tmpfs", m->path, "tmpfs", MS_NOSUID | MS_NODEV, m->options) != 0)
            return bp_error_set(err, -errno, "%s: cannot mount: %s", m->path, strerror(errno));
    }
    return 0;
}

static int open_shares(const struct bp_machine *machine, int *fds, struct bp_error *err)
{
    for (unsigned i = 0; i < machine->share_count; i++) {
        if (!is_hidden(machine->shares[i]))
            continue;
        fds[i] = open(machine->shares[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fds[i] < 0)
            return bp_error_set(err, -errno, "%s: %s", machine->shares[i], strerror(errno));
    }
    return 0;
}

/* The mounts; changes of ours stay in the machine, later ones of the host come in. */
static int mount_all(const struct bp_machine *machine, int *fds, struct bp_error *err)
{
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return bp_error_set(err, -errno, "cannot separate the mounts: %s", strerror(errno));
    int error = open_shares(machine, fds, err);
    if (error < 0)
        return error;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return bp_error_set(err, -errno, "/proc: cannot mount: %s", strerror(errno));
    error = mount_private(err);
    for (unsigned i = 0; error == 0 && i < machine->share_count; i++)
        if (fds[i] >= 0)
            error = show_again(fds[i], machine->shares[i], err);
    return error;
}

/* Write what fd holds, from its start, to a new file at path. */
static int write_copy(int fd, const char *path, mode_t mode, struct bp_error *err)
{
    char bytes[4096];
    ssize_t got;
    size_t total = 0;
    auto_close int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (to < 0)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        total += (size_t)got;
        if (total > FILE_BYTES_MAX)
            return bp_error_set(err, -EFBIG, "%s: too big to copy", path);
        if (write(to, bytes, (size_t)got) != got)
            return bp_error_set(err, -EIO, "%s: cannot write", path);
    }
    return got == 0 ? 0 : bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
}

static int copy_in(int fd, const char *path, mode_t mode, struct bp_error *err)
{
    int error = make_folders(PRIVATE_DIR, err);
    return error < 0 ? error : write_copy(fd, path, mode, err);
}

static int open_file(const char *path, int *ret_fd, struct bp_error *err)
{
    if (path == NULL)
        return 0;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    return 0;
}

static int put_hosts(int fd, struct bp_error *err)
{
    int error = copy_in(fd, PRIVATE_DIR "/hosts", 0644, err);
    if (error < 0)
        return error;
    if (mount(PRIVATE_DIR "/hosts", "/etc/hosts", NULL, MS_BIND, NULL) != 0)
        return bp_error_set(err, -errno, "/etc/hosts: cannot cover it: %s", strerror(errno));
    return 0;
}

static int set_up_flag(int fd, const char *interface, struct bp_error *err)
{
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP;
        if (ioctl(fd, SIOCSIFFLAGS, &request) == 0)
            return 0;
    }
    return bp_error_set(err, -errno, "%s: cannot bring it up: %s", interface, strerror(errno));
}

static int set_address(int fd, unsigned long order, const char *dotted, struct bp_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct ifreq request = {.ifr_name = "eth0"};
    if (inet_pton(AF_INET, dotted, &address.sin_addr) != 1)
        return bp_error_set(err, -EINVAL, "%s: not an IPv4 address", dotted);
    memcpy(&request.ifr_addr, &address, sizeof(address));
    if (ioctl(fd, order, &request) != 0)
        return bp_error_set(err, -errno, "eth0: address %s: %s", dotted, strerror(errno));
    return 0;
}

int bp_machine_connect(const struct bp_machine *machine, struct bp_error *err)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bp_error_set(err, -errno, "socket: %s", strerror(errno));
    int error = set_address(fd, SIOCSIFADDR, machine->address, err);
    if (error == 0)
        error = set_address(fd, SIOCSIFNETMASK, machine->netmask, err);
    return error < 0 ? error : set_up_flag(fd, "eth0", err);
}

static int bring_loopback_up(struct bp_error *err)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bp_error_set(err, -errno, "socket: %s", strerror(errno));
    return set_up_flag(fd, "lo", err);
}

int bp_machine_build(const struct bp_machine *machine, struct bp_error *err)
{
    int shares[BP_MACHINE_SHARES];
    auto_close int hosts = -1;
    auto_close int key = -1;
    memset(shares, -1, sizeof(shares));
    int error = open_file(machine->hosts, &hosts, err);
    if (error == 0)
        error = open_file(machine->key, &key, err);
    if (error == 0)
        error = mount_all(machine, shares, err);
    if (error == 0 && hosts >= 0)
        error = put_hosts(hosts, err);
    if (error == 0 && key >= 0)
        error = copy_in(key, PRIVATE_DIR "/node.key", 0600, err);
    if (error == 0 && sethostname(machine->name, strlen(machine->name)) != 0)
        error = bp_error_set(err, -errno, "hostname: %s", strerror(errno));
    for (unsigned i = 0; i < BP_MACHINE_SHARES; i++)
        if (shares[i] >= 0)
            close(shares[i]);
    return error < 0 ? error : bring_loopback_up(err);
}
