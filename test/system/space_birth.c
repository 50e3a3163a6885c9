/* SPDX-License-Identifier: BSD-3-Clause */
/* space_birth.c - what a process in a space is: its numbers, its program, what it is given. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "space_tests.h"

/* ---- numbers ---- */

struct numbers {
    int session, group, launcher, orphaned;    /* SETUP's */
    int sees_parent, sees_group, sees_session; /* 0 = any from the upper half */
};

static const struct numbers families[] = {
    {600, 650, 700, 1, 700, 650, 600},
    {600, 650, 700, 0, 700, 650, 600},
    {600, 700, 700, 1, 700, 700, 600},
    {600, 700, 700, 0, 700, 700, 600},
    {600, 600, 700, 1, 700, 600, 600},
    {600, 600, 700, 0, 700, 600, 600},
    {600, 600, 600, 1, 600, 600, 600},
    {600, 600, 600, 0, 600, 600, 600},
    {600, 0, 700, 1, 700, 600, 600},
    {600, 650, 0, 1, 1, 650, 600},
    {600, 650, 0, 0, 1, 650, 600},
    {0, 0, 0, 1, 1, 1, 1},
    {0, 0, 0, 0, 1, 1, 1},
    {1, 1, 1, 1, 1, 1, 1},
    {1, 650, 700, 0, 700, 650, 1},
    {0, 650, 700, 1, 700, 650, 0},
    {0, 650, 700, 0, 700, 650, 1},
    {1, 1, 700, 1, 700, 1, 1},
    {1, 1, 700, 0, 700, 1, 1},
};

static int is_number(int seen, int wanted)
{
    return wanted > 0 ? seen == wanted : seen >= 16384;
}

/* The numbers a rank sees; and the terminal's stop signal must stop it exactly when its group is
 * not orphaned. */
static void check_family(const struct numbers *n)
{
    int before = failures;
    peer_init(&peer, UID);
    peer.setup.session_pid = n->session;
    peer.setup.group_pid = n->group;
    peer.setup.launcher_pid = n->launcher;
    peer.setup.orphaned = (uint32_t)n->orphaned;
    CHECK(peer_open(&peer, NULL) == 0);
    int pid = 0, parent = 0, group = 0, session = 0;
    CHECK(run_as(20000, RANK("ids"), NULL) == 0);
    sscanf(output, "%d %d %d %d", &pid, &parent, &group, &session);
    CHECK(pid == 20000);
    CHECK(is_number(parent, n->sees_parent));
    CHECK(is_number(group, n->sees_group));
    CHECK(is_number(session, n->sees_session));
    struct bp_space_record record = {0};
    int fd;
    uint64_t serial = begin(20001, SHELL("kill -TSTP $$; echo on"), &fd);
    if (!n->orphaned) {
        CHECK(peer_expect(&peer, 0, serial, &record));
        CHECK(record.type == BP_SPACE_STOPPED && record.signo == SIGTSTP);
        peer_signal(&peer, serial, SIGCONT);
    }
    expect_line(fd, "on");
    close(fd);
    CHECK(peer_expect(&peer, 0, serial, &record));
    if (record.type == BP_SPACE_CONTINUED) /* unless the end came before anybody looked */
        CHECK(peer_expect(&peer, 0, serial, &record));
    CHECK(record.type == BP_SPACE_EXIT && record.status == 0 && record.pid == 20001);
    close_plain();
    if (failures != before)
        printf("# session %d group %d launcher %d orphaned %d: saw %s\n", n->session, n->group,
               n->launcher, n->orphaned, output);
}

void test_families(void)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        check_family(&families[i]);
}

void test_impossible_families(void)
{
    static const int impossible[][4] = {
        {600, 650, 600, EINVAL}, {5000000, 0, 0, EOVERFLOW}, {0, 0, -1, EPROTO}};
    for (size_t i = 0; i < 3; i++) {
        struct bp_space_record record = {0};
        peer_init(&peer, UID);
        peer.setup.session_pid = impossible[i][0];
        peer.setup.group_pid = impossible[i][1];
        peer.setup.launcher_pid = impossible[i][2];
        CHECK(peer_open(&peer, &record) == 0);
        CHECK(record.type == BP_SPACE_FAILED && record.serial == 0);
        CHECK(record.flags == BP_STEP_NAMESPACE && record.status == impossible[i][3]);
        CHECK(peer_wait(&peer) == 1 << 8);
    }
}

void test_pids(void)
{
    struct bp_space_record record;
    int fd;
    open_plain(UID);
    uint64_t serial = begin(4000, SHELL("read x < /proc/self/stat; echo $$; kill -STOP $$"), &fd);
    expect_line(fd, "4000");
    CHECK(run_as(4000, SHELL("true"), &record) == -1); /* taken */
    CHECK(record.status == EEXIST && record.flags == BP_STEP_CLONE);
    CHECK(run_as(4194304, SHELL("true"), &record) == -1);
    CHECK(record.status == EOVERFLOW && record.flags == BP_STEP_CLONE);
    CHECK(run_as(0, SHELL("echo $$"), &record) == 0);
    CHECK(atoi(output) >= 16384 && atoi(output) == record.pid);
    CHECK(run(SHELL("/bin/true & echo $!")) == 0);
    CHECK(atoi(output) >= 16384);
    peer_signal(&peer, serial, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    close(fd);
    CHECK(run_as(4000, SHELL("echo $$"), NULL) == 0);
    CHECK(atoi(output) == 4000);
    close_plain();
}

/* The PID cursor has run over the end: the next lease puts it back. */
void test_cursor(void)
{
    open_plain(0);
    CHECK(run(SHELL("echo 20000 > /proc/sys/kernel/ns_last_pid; /bin/true & echo $!")) == 0);
    CHECK(atoi(output) >= 20001 && atoi(output) < 21000);
    peer_send(&peer, BP_SPACE_LEASE, 0, 60000);
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, NULL));
    CHECK(run(SHELL("/bin/true & echo $!")) == 0);
    CHECK(atoi(output) > 21000);
    close_plain();
}

static void expect_failure(const char *const *argv, int error, enum bp_space_step step)
{
    struct bp_space_record record;
    CHECK(run_as(0, argv, &record) == -1);
    if (record.type != BP_SPACE_FAILED || record.status != error || record.flags != step)
        printf("# %s: type %u status %d (%s) step %u\n", argv[0], record.type, record.status,
               strerror(record.status), record.flags);
    CHECK(record.type == BP_SPACE_FAILED && record.status == error && record.flags == step);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) < 0)
        printf("# cannot write %s\n", path);
}

static const char *in_directory(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

void test_programs(void)
{
    char path_env[256];
    snprintf(path_env, sizeof path_env, "PATH=/nonexistent:%s:/bin:/usr/bin", directory);
    write_file("plain", "#!/bin/sh\n", 0644);
    write_file("bad", "#!/no/such/interpreter\n", 0755);
    write_file("script", "echo script $1\n", 0755); /* no #!: for the shell */
    write_file("found", "#!/bin/sh\necho found $1\n", 0755);
    peer_init(&peer, UID);
    peer.envp = ARGV(path_env);
    CHECK(peer_open(&peer, NULL) == 0);
    expect_failure(ARGV("/no/such/program"), ENOENT, BP_STEP_EXEC);
    expect_failure(ARGV("nosuchprogram"), ENOENT, BP_STEP_EXEC);
    expect_failure(ARGV(""), ENOENT, BP_STEP_EXEC);
    expect_failure(ARGV(directory), EACCES, BP_STEP_EXEC);
    expect_failure(ARGV(in_directory("plain")), EACCES, BP_STEP_EXEC);
    expect_failure(ARGV("plain"), EACCES, BP_STEP_EXEC); /* remembered over ENOENT later on */
    expect_failure(ARGV(in_directory("bad")), ENOENT, BP_STEP_EXEC);
    CHECK(run(ARGV(in_directory("script"), "one")) == 0 && strcmp(output, "script one\n") == 0);
    CHECK(run(ARGV("found", "two")) == 0 && strcmp(output, "found two\n") == 0);
    close_plain();
    static const char *const names[] = {"plain", "bad", "script", "found"};
    for (size_t i = 0; i < 4; i++)
        unlink(in_directory(names[i]));
}

void test_cwd(void)
{
    peer_init(&peer, UID);
    peer.cwd = "/usr/bin";
    CHECK(peer_open(&peer, NULL) == 0);
    CHECK(run(ARGV("pwd")) == 0 && strcmp(output, "/usr/bin\n") == 0);
    CHECK(run(ARGV("./true")) == 0);
    close_plain();
    peer_init(&peer, UID);
    peer.cwd = "/no/such/directory";
    CHECK(peer_open(&peer, NULL) == 0);
    expect_failure(ARGV("true"), ENOENT, BP_STEP_CHDIR);
    close_plain();
}

/* ---- what a rank is given ---- */

static int has_line(const char *line)
{
    const char *at = strstr(output, line);
    size_t length = strlen(line);
    return at != NULL && (at == output || at[-1] == '\n') &&
           (at[length] == '\n' || at[length] == '\0');
}

void test_identity(void)
{
    peer_init(&peer, UID);
    peer.setup.gid = 54322;
    peer.setup.groups = 2;
    peer.groups[0] = 1001;
    peer.groups[1] = 77777;
    peer.setup.umask = 027;
    CHECK(peer_open(&peer, NULL) == 0);
    CHECK(run(ARGV("cat", "/proc/self/status")) == 0);
    CHECK(has_line("Uid:\t54321\t54321\t54321\t54321"));
    CHECK(has_line("Gid:\t54322\t54322\t54322\t54322"));
    CHECK(has_line("Groups:\t1001 77777 "));
    CHECK(has_line("Umask:\t0027"));
    CHECK(has_line("CapInh:\t0000000000000000") && has_line("CapPrm:\t0000000000000000"));
    CHECK(has_line("CapEff:\t0000000000000000") && has_line("CapAmb:\t0000000000000000"));
    CHECK(has_line("NoNewPrivs:\t0") && has_line("Seccomp:\t0"));
    CHECK(has_line("SigBlk:\t0000000000000000") && has_line("SigIgn:\t0000000000000000"));
    CHECK(has_line("SigPnd:\t0000000000000000") && has_line("ShdPnd:\t0000000000000000"));
    CHECK(run(ARGV("/bin/sh", "-c",
                   "ls -l /proc/self/fd | grep -c -- '->'; echo /proc/self/fd/*")) == 0);
    /* ls has its directory open as 3; the shell nothing but its three */
    CHECK(strncmp(output, "4\n", 2) == 0);
    CHECK(run(SHELL("test -O /proc/self/environ && kill -0 1 || echo no")) == 0);
    CHECK(strncmp(output, "no\n", 3) == 0); /* our /proc entry is ours; PID 1 is not */
    close_plain();
    open_plain(0);
    CHECK(run(SHELL("id -u; grep CapEff /proc/self/status")) == 0);
    CHECK(strncmp(output, "0\n", 2) == 0 && strstr(output, "\t0000000000000000") == NULL);
    close_plain();
}

void test_limits(void)
{
    peer_init(&peer, UID);
    peer.setup.no_limits = 0;
    for (int i = 0; i < BP_SPACE_LIMITS; i++) {
        struct rlimit now;
        getrlimit((__rlimit_resource_t)i, &now);
        peer.setup.limits[i].soft = now.rlim_cur;
        peer.setup.limits[i].hard = now.rlim_max;
    }
    peer.setup.limits[RLIMIT_NOFILE].soft = 5; /* fewer than the numbers we use ourselves */
    peer.setup.limits[RLIMIT_NOFILE].hard = UINT64_MAX; /* more than the kernel allows */
    peer.setup.limits[RLIMIT_CORE].soft = 12 * 1024;
    peer.setup.limits[RLIMIT_CORE].hard = UINT64_MAX;
    peer.setup.limits[RLIMIT_CPU].soft = 1000; /* above its own hard limit */
    peer.setup.limits[RLIMIT_CPU].hard = 500;
    CHECK(peer_open(&peer, NULL) == 0);
    CHECK(run(ARGV("cat", "/proc/self/limits")) == 0);
    CHECK(strstr(output, "Max open files            5 ") != NULL);
    CHECK(strstr(output, "Max core file size        12288                unlimited") != NULL);
    CHECK(strstr(output, "Max cpu time              500                  500") != NULL);
    close_plain();
    struct rlimit mine;
    char expected[64];
    getrlimit(RLIMIT_NOFILE, &mine);
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)mine.rlim_cur);
    open_plain(UID);
    CHECK(run(SHELL("ulimit -n")) == 0);
    CHECK(strncmp(output, expected, strlen(expected)) == 0); /* not bpspace's own */
    close_plain();
}

void test_affinity(void)
{
    unsigned char mask[128] = {0};
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    int cpu = CPU_SETSIZE - 1;
    while (cpu > 0 && !CPU_ISSET(cpu, &allowed))
        cpu--;
    open_plain(UID);
    struct creation creation = {
        .serial = serials++,
        .argv = ARGV("grep", "Cpus_allowed_list", "/proc/self/status"),
        .cpus = mask,
        .cpu_bytes = sizeof mask,
    };
    mask[cpu / 8] = (unsigned char)(1 << cpu % 8);
    CHECK(peer_run(&peer, &creation, output, sizeof output, NULL) == 0);
    char expected[64];
    snprintf(expected, sizeof expected, "Cpus_allowed_list:\t%d\n", cpu);
    CHECK(strcmp(output, expected) == 0);
    struct bp_space_record record;
    memset(mask, 0, sizeof mask); /* no CPU at all */
    creation.serial = serials++;
    CHECK(peer_run(&peer, &creation, output, sizeof output, &record) == -1);
    CHECK(record.status == EINVAL && record.flags == BP_STEP_AFFINITY);
    close_plain();
}

void test_environment(void)
{
    peer_init(&peer, UID);
    peer.envp = ARGV("A=job", "AB=job", "PATH=/bin:/usr/bin", "odd", "LAST=job");
    peer.argv = ARGV("env", "X=1");
    CHECK(peer_open(&peer, NULL) == 0);
    struct creation creation = {.serial = serials++, .envp = ARGV("A=rank", "NEW=", "LAST=a=b")};
    CHECK(peer_run(&peer, &creation, output, sizeof output, NULL) == 0);
    CHECK(has_line("A=rank") && has_line("AB=job") && has_line("NEW=") && has_line("LAST=a=b"));
    CHECK(has_line("X=1") && !has_line("A=job") && !has_line("LAST=job"));
    creation = (struct creation){.serial = serials++, .argv = ARGV("echo", "a b", "", "c")};
    CHECK(peer_run(&peer, &creation, output, sizeof output, NULL) == 0);
    CHECK(strcmp(output, "a b  c\n") == 0);
    close_plain();
}

void test_mounts(void)
{
    peer_init(&peer, UID);
    strcpy(peer.setup.directory, directory);
    strcpy(peer.setup.hostname, "space7");
    CHECK(peer_open(&peer, NULL) == 0);
    CHECK(run(SHELL("echo x > /dev/shm/space-driver && stat -c %a /dev/shm")) == 0);
    CHECK(strncmp(output, "1777\n", 5) == 0);
    CHECK(run(SHELL("cat /dev/shm/space-driver; ls -1 /dev/shm | wc -l")) == 0);
    CHECK(strcmp(output, "x\n1\n") == 0);
    char command[256];
    snprintf(command, sizeof command,
             "stat -c '%%a %%u %%g' %s; echo y > %s/y; hostname; ps -e | wc -l", directory,
             directory);
    CHECK(run(SHELL(command)) == 0);
    CHECK(strncmp(output, "700 54321 54321\nspace7\n", 23) == 0);
    CHECK(access("/dev/shm/space-driver", F_OK) < 0 && access(in_directory("y"), F_OK) < 0);
    CHECK(run(SHELL("dd if=/dev/zero of=/dev/shm/big bs=1M count=16 2>/dev/null")) == 0);
    close_plain();
    CHECK(rmdir(directory) == 0 && mkdir(directory, 0755) == 0); /* nothing mounted or left here */
    peer_init(&peer, UID);
    struct bp_space_record record;
    strcpy(peer.setup.directory, "/no/such/directory");
    CHECK(peer_open(&peer, &record) == 0);
    CHECK(record.type == BP_SPACE_FAILED && record.status == ENOENT);
    CHECK(peer_wait(&peer) == 1 << 8);
}

void test_helper(void)
{
    struct bp_space_record record;
    peer_init(&peer, UID);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 700;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    struct creation creation = {
        .serial = serials++,
        .flags = BP_SPACE_HELPER,
        .argv = SHELL("echo $PPID; id -u; cut -d' ' -f5,6 /proc/self/stat; echo $$"),
    };
    CHECK(peer_run(&peer, &creation, output, sizeof output, &record) == 0);
    int parent, uid, group, session, pid;
    CHECK(sscanf(output, "%d %d %d %d %d", &parent, &uid, &group, &session, &pid) == 5);
    CHECK(parent == 1 && uid == UID && group == session && session == pid && pid >= 16384);
    creation = (struct creation){
        .serial = serials++, .flags = BP_SPACE_HELPER, .argv = ARGV("/bin/sleep", "1000")};
    peer_create(&peer, &creation);
    CHECK(peer_expect(&peer, BP_SPACE_CREATED, creation.serial, NULL));
    int fd;
    uint64_t rank = begin(0, ARGV("sleep", "1000"), &fd);
    peer_signal(&peer, 0, SIGTERM); /* reaches ranks only */
    CHECK(wait_exit(rank) == SIGTERM);
    close(fd);
    peer_signal(&peer, creation.serial, SIGUSR2);
    CHECK(wait_exit(creation.serial) == SIGUSR2);
    creation = (struct creation){
        .serial = serials++, .flags = BP_SPACE_HELPER, .argv = ARGV("sleep", "1")};
    CHECK(peer_run(&peer, &creation, output, sizeof output, &record) == -1);
    CHECK(record.status == EPROTO); /* not an absolute path */
    close_plain();
}
