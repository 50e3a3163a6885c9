/* SPDX-License-Identifier: BSD-3-Clause */
/* space_driver.c - plays bpnode to bpspace, as root; prints TAP. Usage: space_driver [BPSPACE [NAME]];
 * as a rank: space_driver rank MODE. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "space_peer.h"
#include "space_rank.h"

#define UID 54321 /* no passwd entry has it */

static int failures; /* of the running test */
static char self[4096];
static char directory[64] = "/tmp/space-driver.XXXXXX";
static struct peer peer;
static char output[65536];
static uint64_t serials = 1;

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)

static void check(int passed, const char *text, int line)
{
    if (passed)
        return;
    failures++;
    printf("# line %d: %s\n", line, text);
}

#define ARGV(...) (const char *const[]){__VA_ARGS__, NULL}
#define SHELL(command) ARGV("/bin/sh", "-c", command)
#define RANK(mode) ARGV(self, "rank", mode)

static void open_plain(uid_t uid)
{
    peer_init(&peer, uid);
    CHECK(peer_open(&peer, NULL) == 0);
}

static void close_plain(void)
{
    CHECK(peer_close(&peer) == 0);
}

/* Run argv to its end as pid (0 = any), its stdout in `output`; its wait status, or -1 = FAILED. */
static int run_as(pid_t pid, const char *const *argv, struct bp_space_record *ret_last)
{
    struct creation creation = {.serial = serials++, .pid = pid, .argv = argv};
    return peer_run(&peer, &creation, output, sizeof output, ret_last);
}

static int run(const char *const *argv)
{
    return run_as(0, argv, NULL);
}

/* Create argv with stdout in *ret_fd, and return its serial when its exec is reported. */
static uint64_t begin(pid_t pid, const char *const *argv, int *ret_fd)
{
    int pair[2];
    struct creation creation = {.serial = serials++, .pid = pid, .argv = argv};
    if (pipe2(pair, O_CLOEXEC) < 0)
        abort();
    creation.stdout_fd = pair[1];
    peer_create(&peer, &creation);
    close(pair[1]);
    CHECK(peer_expect(&peer, BP_SPACE_CREATED, creation.serial, NULL));
    *ret_fd = pair[0];
    return creation.serial;
}

static void expect_line(int fd, const char *line)
{
    peer_read(fd, output, sizeof output, 1);
    if (strcmp(output, line) != 0)
        printf("# got: %s, not: %s\n", output, line);
    CHECK(strcmp(output, line) == 0);
}

static int wait_exit(uint64_t serial)
{
    struct bp_space_record record = {.status = -1};
    peer_expect(&peer, BP_SPACE_EXIT, serial, &record);
    return record.status;
}

/* ---- numbers ---- */

struct numbers {
    int session, group, launcher, orphaned; /* SETUP's */
    int sees_parent, sees_group, sees_session; /* 0 = any from the upper half */
};

static const struct numbers families[] = {
    {600, 650, 700, 1, 700, 650, 600}, {600, 650, 700, 0, 700, 650, 600},
    {600, 700, 700, 1, 700, 700, 600}, {600, 700, 700, 0, 700, 700, 600},
    {600, 600, 700, 1, 700, 600, 600}, {600, 600, 700, 0, 700, 600, 600},
    {600, 600, 600, 1, 600, 600, 600}, {600, 600, 600, 0, 600, 600, 600},
    {600, 0, 700, 1, 700, 600, 600},   {600, 650, 0, 1, 1, 650, 600},
    {600, 650, 0, 0, 1, 650, 600},     {0, 0, 0, 1, 1, 1, 1},
    {0, 0, 0, 0, 1, 1, 1},             {1, 1, 1, 1, 1, 1, 1},
    {1, 650, 700, 0, 700, 650, 1},     {0, 650, 700, 1, 700, 650, 0},
    {0, 650, 700, 0, 700, 650, 1},     {1, 1, 700, 1, 700, 1, 1},
    {1, 1, 700, 0, 700, 1, 1},
};

static int is_number(int seen, int wanted)
{
    return wanted > 0 ? seen == wanted : seen >= 16384;
}

/* The numbers a rank sees; and the terminal's stop signal must stop it exactly when its group is not
 * orphaned. */
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

static void test_families(void)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        check_family(&families[i]);
}

static void test_impossible_families(void)
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

static void test_pids(void)
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

/* ---- ends ---- */

static void test_statuses(void)
{
    open_plain(UID);
    char command[32];
    for (int code = 0; code < 256; code++) {
        struct creation creation = {.serial = serials++, .argv = SHELL(command)};
        snprintf(command, sizeof command, "exit %d", code);
        peer_create(&peer, &creation);
    }
    uint64_t first = serials - 256;
    for (int code = 0; code < 256; code++)
        CHECK(wait_exit(first + (uint64_t)code) == code << 8);
    for (int signo = 1; signo < 65; signo++) {
        int stops = signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
        if (stops || signo == SIGCHLD || signo == SIGCONT || signo == SIGURG || signo == SIGWINCH
            || signo == 32 || signo == 33)
            continue;
        snprintf(command, sizeof command, "ulimit -c 0; kill -%d $$", signo);
        int status = run(SHELL(command));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signo);
    }
    close_plain();
}

static void test_accounting(void)
{
    struct bp_space_record record;
    open_plain(UID);
    CHECK(run_as(0, SHELL("(i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done)"), &record) == 0);
    CHECK(record.cpu_us > 1000 && record.cpu_us < 60000000);
    CHECK(record.maxrss_kib > 300 && record.maxrss_kib < 1000000);
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

static void test_programs(void)
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

static void test_cwd(void)
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
    return at != NULL && (at == output || at[-1] == '\n')
           && (at[length] == '\n' || at[length] == '\0');
}

static void test_identity(void)
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
    CHECK(run(ARGV("/bin/sh", "-c", "ls -l /proc/self/fd | grep -c -- '->'; echo /proc/self/fd/*"))
          == 0);
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

static void test_limits(void)
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

static void test_affinity(void)
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

static void test_environment(void)
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

static void test_mounts(void)
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
    snprintf(command, sizeof command, "stat -c '%%a %%u %%g' %s; echo y > %s/y; hostname; ps -e | wc -l",
             directory, directory);
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

/* ---- signals ---- */

static void test_signals(void)
{
    int fd;
    open_plain(UID);
    uint64_t serial = begin(0, RANK("signals"), &fd);
    expect_line(fd, "ready");
    struct bp_space_record record = {
        .type = BP_SPACE_SIGNAL,
        .serial = serial,
        .signo = SIGRTMIN + 3,
        .code = SI_QUEUE,
        .sender_pid = 4242,
        .uid = 17,
        .value = 0x123456789abcdefULL,
    };
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    char expected[128];
    snprintf(expected, sizeof expected, "%d -1 4242 17 123456789abcdef", SIGRTMIN + 3);
    expect_line(fd, expected);
    record.value = 2; /* real-time signals queue: each one comes */
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    snprintf(expected, sizeof expected, "%d -1 4242 17 2", SIGRTMIN + 3);
    expect_line(fd, expected);
    record.signo = SIGUSR1;
    record.code = SI_USER;
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    snprintf(expected, sizeof expected, "%d 0 1 0 0", SIGUSR1);
    expect_line(fd, expected);
    record.signo = 65; /* there is none: nothing happens */
    CHECK(bp_space_send(peer.socket, &record, NULL, NULL, 0) == 0);
    peer_signal(&peer, 0, SIGTERM);
    snprintf(expected, sizeof expected, "%d 0 1 0 0", SIGTERM);
    expect_line(fd, expected);
    CHECK(wait_exit(serial) == 0);
    close(fd);
    peer_signal(&peer, serial, SIGKILL); /* late: dropped */
    peer_signal(&peer, 999999, SIGKILL);
    CHECK(run(SHELL("true")) == 0);
    close_plain();
}

static void test_stop(void)
{
    int fd;
    struct bp_space_record record;
    open_plain(UID);
    uint64_t serial = begin(0, ARGV("sleep", "1000"), &fd);
    for (int i = 0; i < 20; i++) {
        peer_signal(&peer, serial, SIGSTOP);
        CHECK(peer_expect(&peer, 0, serial, &record));
        CHECK(record.type == BP_SPACE_STOPPED && record.signo == SIGSTOP);
        peer_signal(&peer, serial, SIGCONT);
        CHECK(peer_expect(&peer, 0, serial, &record) && record.type == BP_SPACE_CONTINUED);
    }
    peer_signal(&peer, serial, SIGSTOP);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, serial, NULL));
    peer_signal(&peer, serial, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    close(fd);
    uint64_t own = begin(0, SHELL("kill -STOP $$; exit 3"), &fd); /* at once after its exec */
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, own, NULL));
    peer_signal(&peer, own, SIGCONT);
    CHECK(wait_exit(own) == 3 << 8);
    close(fd);
    close_plain();
}

/* Signals sent together with the CREATE come after the exec, or end it before. */
static void test_signal_starting(void)
{
    struct bp_space_record record;
    open_plain(UID);
    for (int i = 0; i < 50; i++) {
        struct creation creation = {.serial = serials++, .argv = ARGV("sleep", "1000")};
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGSTOP);
        CHECK(peer_expect(&peer, 0, creation.serial, &record) && record.type == BP_SPACE_CREATED);
        CHECK(peer_expect(&peer, 0, creation.serial, &record) && record.type == BP_SPACE_STOPPED);
        peer_signal(&peer, creation.serial, SIGKILL);
        CHECK(wait_exit(creation.serial) == SIGKILL);
        creation.serial = serials++;
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGSTOP); /* which the next one takes back */
        peer_signal(&peer, creation.serial, SIGCONT);
        peer_signal(&peer, creation.serial, SIGUSR1);
        CHECK(wait_exit(creation.serial) == SIGUSR1);
        creation.serial = serials++;
        peer_create(&peer, &creation);
        peer_signal(&peer, creation.serial, SIGKILL);
        CHECK(wait_exit(creation.serial) == SIGKILL);
    }
    while (peer_has(&peer, BP_SPACE_CREATED, 0))
        peer_expect(&peer, BP_SPACE_CREATED, 0, NULL);
    close_plain();
}

static void test_helper(void)
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

/* ---- many ---- */

static void test_rows(void)
{
    open_plain(UID);
    uint64_t start = bp_clock_us();
    for (int i = 0; i < 500; i++)
        CHECK(run_as(3000 + i % 7, ARGV("/bin/true"), NULL) == 0); /* a PID is free at its EXIT */
    printf("# 500 creates and exits in a row: %llu us each\n",
           (unsigned long long)(bp_clock_us() - start) / 500);
    CHECK(run(SHELL("ls -d /proc/[0-9]* | wc -l")) == 0);
    CHECK(atoi(output) <= 5); /* PID 1, the maker, sh, ls, wc */
    close_plain();
}

static void test_concurrent(void)
{
    peer_init(&peer, UID);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 700;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    for (int count = 64; count <= 1024; count *= 16) {
        uint64_t first = serials, start = bp_clock_us();
        for (int i = 0; i < count; i++) {
            struct creation creation = {
                .serial = serials++, .pid = 10000 + i, .argv = ARGV("/bin/sleep", "1000")};
            peer_create(&peer, &creation);
        }
        for (int i = 0; i < count; i++)
            CHECK(peer_expect(&peer, BP_SPACE_CREATED, first + (uint64_t)i, NULL));
        uint64_t created = bp_clock_us();
        peer_signal(&peer, 0, SIGKILL);
        for (int i = 0; i < count; i++)
            CHECK(wait_exit(first + (uint64_t)i) == SIGKILL);
        printf("# %d at once: %llu us each to the exec; all killed and reaped in %llu us\n", count,
               (unsigned long long)(created - start) / (unsigned)count,
               (unsigned long long)(bp_clock_us() - created));
    }
    close_plain();
}

/* ---- the space's end ---- */

/* A rank whose detached children hold *ret_fd open: its end of file means that all are dead. */
static void begin_daemons(int *ret_fd)
{
    uint64_t serial = begin(0, RANK("daemons"), ret_fd);
    expect_line(*ret_fd, "ready");
    CHECK(wait_exit(serial) == 0);
    struct pollfd wait = {.fd = *ret_fd, .events = POLLIN};
    CHECK(poll(&wait, 1, 0) == 0);
}

static void expect_dead(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    CHECK(poll(&wait, 1, 0) == 1 && read(fd, &byte, 1) == 0); /* at once */
    close(fd);
}

static void test_close(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    CHECK(peer_close(&peer) == 0);
    expect_dead(fd);
}

static void test_killed(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    kill(peer.pid, SIGKILL);
    CHECK(peer_wait(&peer) == SIGKILL);
    expect_dead(fd);
}

static void test_lease(void)
{
    int fd;
    peer_init(&peer, UID);
    peer.setup.lease_ms = 100000;
    CHECK(peer_open(&peer, NULL) == 0);
    begin_daemons(&fd);
    struct bp_space_record record = {0};
    peer_send(&peer, BP_SPACE_LEASE, 0, 200000);
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, &record) && record.value == 200000);
    CHECK(run(SHELL("true")) == 0);
    peer_send(&peer, BP_SPACE_LEASE, 0, 50);
    CHECK(peer_wait(&peer) == 3 << 8);
    expect_dead(fd);
    /* bpnode hangs: it does not read, and ranks keep bpspace talking */
    peer_init(&peer, UID);
    peer.setup.lease_ms = 1000;
    CHECK(peer_open(&peer, NULL) == 0);
    struct creation creation = {.serial = serials++, .argv = RANK("none")};
    for (int i = 0; i < 2000; i++, creation.serial = serials++) {
        struct bp_space_record create = {.type = BP_SPACE_CREATE, .serial = creation.serial};
        if (bp_space_send(peer.socket, &create, NULL, NULL, 0) < 0)
            break;
    }
    int status = -1;
    CHECK(waitpid(peer.pid, &status, 0) == peer.pid && status == 3 << 8);
    close(peer.socket);
}

static void test_end_of_file(void)
{
    int fd;
    open_plain(UID);
    begin_daemons(&fd);
    close(peer.socket);
    peer.socket = -1;
    CHECK(peer_wait(&peer) == 0);
    expect_dead(fd);
}

static void test_bomb(void)
{
    int fd;
    peer_init(&peer, UID);
    peer.setup.no_limits = 0;
    for (int i = 0; i < BP_SPACE_LIMITS; i++)
        peer.setup.limits[i].soft = peer.setup.limits[i].hard = UINT64_MAX;
    peer.setup.limits[RLIMIT_NPROC].soft = peer.setup.limits[RLIMIT_NPROC].hard = 300;
    peer.setup.limits[RLIMIT_STACK].soft = 8 << 20;
    CHECK(peer_open(&peer, NULL) == 0);
    uint64_t serial = begin(0, RANK("bomb"), &fd);
    expect_line(fd, "ready");
    peer_send(&peer, BP_SPACE_LEASE, 0, 60000); /* bpspace still listens */
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, NULL));
    peer_signal(&peer, serial, SIGKILL);
    CHECK(wait_exit(serial) == SIGKILL);
    CHECK(peer_close(&peer) == 0);
    peer_read(fd, output, sizeof output, 0);
    expect_dead(fd);
}

/* ---- hostile jobs ---- */

static void test_kill_all(void)
{
    int fd;
    peer_init(&peer, UID);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 650;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    uint64_t other = begin(0, ARGV("sleep", "1000"), &fd);
    CHECK(run(SHELL("kill -9 -1")) == 0 || 1);
    CHECK(wait_exit(other) == SIGKILL);
    close(fd);
    CHECK(run(SHELL("kill -STOP 1 700 650 600 2>/dev/null; kill -9 700 2>/dev/null; true")) == 0);
    CHECK(run_as(701, RANK("ids"), NULL) == 0 && strcmp(output, "701 700 650 600\n") == 0);
    close_plain();
}

static void test_root_job(void)
{
    int fd;
    peer_init(&peer, 0);
    peer.setup.launcher_pid = 700;
    peer.setup.group_pid = 650;
    peer.setup.session_pid = 600;
    CHECK(peer_open(&peer, NULL) == 0);
    /* stopping the whole group stops neither creation nor reports */
    struct bp_space_record record;
    uint64_t stopper = begin(0, SHELL("kill -STOP 0"), &fd);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, stopper, &record));
    CHECK(run_as(701, RANK("ids"), NULL) == 0 && strcmp(output, "701 700 650 600\n") == 0);
    peer_signal(&peer, stopper, SIGCONT);
    CHECK(wait_exit(stopper) == 0);
    close(fd);
    /* the launcher's stub dies: ranks live on and are reported, nobody new can be made */
    uint64_t rank = begin(0, SHELL("read x < /proc/1/stat; kill -9 700; kill -STOP $$; exit 9"), &fd);
    CHECK(peer_expect(&peer, BP_SPACE_STOPPED, rank, NULL));
    CHECK(run_as(0, SHELL("true"), &record) == -1);
    CHECK(record.status == ESRCH && record.flags == BP_STEP_CLONE);
    peer_signal(&peer, rank, SIGCONT);
    CHECK(wait_exit(rank) == 9 << 8);
    close(fd);
    close_plain();
    open_plain(0);
    CHECK(run(SHELL("kill -9 -1; kill -9 1; kill -STOP 1")) >= 0 || 1);
    peer_send(&peer, BP_SPACE_LEASE, 0, 60000);
    CHECK(peer_expect(&peer, BP_SPACE_LEASE_SEEN, 0, NULL));
    close_plain();
}

/* The launcher's stub is killed while ranks come and go: every serial gets one answer. */
static void test_maker_dies(void)
{
    for (int round = 0; round < 30; round++) {
        peer_init(&peer, 0);
        peer.setup.launcher_pid = 700;
        CHECK(peer_open(&peer, NULL) == 0);
        uint64_t first = serials;
        for (int i = 0; i < 30; i++) {
            struct creation creation = {
                .serial = serials++,
                .argv = i == round ? SHELL("kill -9 700") : ARGV("/bin/true"),
            };
            peer_create(&peer, &creation);
        }
        for (uint64_t serial = first; serial < serials; serial++) {
            struct bp_space_record record = {0};
            CHECK(peer_expect(&peer, 0, serial, &record));
            if (record.type == BP_SPACE_CREATED)
                CHECK(peer_expect(&peer, 0, serial, &record) && record.type == BP_SPACE_EXIT);
            else
                CHECK(record.type == BP_SPACE_FAILED && record.status == ESRCH);
        }
        CHECK(!peer_has(&peer, 0, 0));
        close_plain();
    }
}

/* ---- stdin ---- */

static void check_wanted(const char *mode, int wanted)
{
    int pair[2];
    struct stat st;
    if (pipe2(pair, O_CLOEXEC) < 0 || fstat(pair[0], &st) < 0)
        return;
    open_plain(UID);
    struct creation creation = {
        .serial = serials++, .argv = RANK(mode), .stdin_fd = pair[0], .envp = ARGV("PYTHONHOME=")};
    peer_create(&peer, &creation);
    close(pair[0]);
    CHECK(peer_expect(&peer, BP_SPACE_CREATED, creation.serial, NULL));
    peer_send(&peer, BP_SPACE_WATCH_STDIN, creation.serial, st.st_ino);
    uint64_t start = bp_clock_us();
    if (wanted) {
        CHECK(peer_expect(&peer, BP_SPACE_STDIN_WANTED, creation.serial, NULL));
        printf("# %s: seen after %llu us\n", mode, (unsigned long long)(bp_clock_us() - start));
        CHECK(write(pair[1], "x", 1) == 1);
        peer_signal(&peer, creation.serial, SIGTERM);
    } else {
        struct pollfd wait = {.fd = peer.socket, .events = POLLIN};
        CHECK(poll(&wait, 1, 300) == 0);
        peer_signal(&peer, creation.serial, SIGTERM);
    }
    CHECK(wait_exit(creation.serial) >= 0);
    CHECK(!peer_has(&peer, BP_SPACE_STDIN_WANTED, 0)); /* said once */
    close(pair[1]);
    close_plain();
}

static void test_stdin(void)
{
    static const char *const ways[] = {"stdin-read",  "stdin-poll",   "stdin-select",
                                       "stdin-epoll", "stdin-thread", "stdin-grandchild"};
    for (size_t i = 0; i < 6; i++)
        check_wanted(ways[i], 1);
    check_wanted("stdin-pause", 0);
    check_wanted("stdin-other-poll", 0);
}

/* ---- malformed ---- */

static void send_raw(const struct bp_space_record *record, const void *payload, size_t size)
{
    char packet[sizeof *record + 4096];
    memcpy(packet, record, sizeof *record);
    if (size > 0)
        memcpy(packet + sizeof *record, payload, size);
    CHECK(write(peer.socket, packet, sizeof *record + size) > 0);
}

static void expect_trouble(void)
{
    CHECK(peer_wait(&peer) == 1 << 8);
}

static void test_malformed(void)
{
    struct bp_space_record record = {.type = BP_SPACE_SIGNAL, .length = 10};
    open_plain(UID);
    send_raw(&record, "abc", 3); /* says 10, has 3 */
    expect_trouble();
    open_plain(UID);
    CHECK(write(peer.socket, "short", 5) == 5);
    expect_trouble();
    open_plain(UID);
    record = (struct bp_space_record){.type = 4711};
    send_raw(&record, NULL, 0);
    expect_trouble();
    open_plain(UID);
    record.type = BP_SPACE_SETUP; /* a second one */
    send_raw(&record, NULL, 0);
    expect_trouble();
}

static void expect_refused(const struct bp_space_create *create, const char *strings, uint32_t size)
{
    unsigned char payload[256];
    struct bp_space_record record = {
        .type = BP_SPACE_CREATE,
        .serial = serials++,
        .length = (uint32_t)sizeof *create + size,
    };
    memcpy(payload, create, sizeof *create);
    memcpy(payload + sizeof *create, strings, size);
    int fds[] = {0, 1, 2};
    CHECK(bp_space_send(peer.socket, &record, payload, fds, 3) == 0);
    struct bp_space_record answer = {0};
    CHECK(peer_expect(&peer, 0, record.serial, &answer));
    CHECK(answer.type == BP_SPACE_FAILED && answer.status == EPROTO);
}

static void test_malformed_create(void)
{
    static const struct {
        struct bp_space_create create;
        const char *strings;
        uint32_t size;
    } wrong[] = {
        {{.argc = 1, .string_bytes = 5}, "true", 4},          /* more said than there */
        {{.argc = 1, .string_bytes = 4}, "true", 4},          /* does not end */
        {{.argc = 2, .string_bytes = 5}, "true", 5},          /* one string, not two */
        {{.argc = 0, .envc = 0, .string_bytes = 5}, "true", 5}, /* a string too many */
        {{.argc = 1, .cpu_bytes = 8, .string_bytes = 5}, "true", 5},
        {{.argc = 1, .cpu_bytes = UINT32_MAX, .string_bytes = 6}, "true", 5},
        {{.argc = UINT32_MAX, .envc = 2, .string_bytes = 5}, "true", 5}, /* sum overflows to 1 */
        {{.argc = 1, .extra_fds = 1, .string_bytes = 5}, "true", 5},
        {{.argc = 1, .extra_fds = UINT32_MAX, .string_bytes = 5}, "true", 5},
    };
    open_plain(UID);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refused(&wrong[i].create, wrong[i].strings, wrong[i].size);
    struct bp_space_record record = {.type = BP_SPACE_CREATE, .serial = serials++, .length = 3};
    CHECK(bp_space_send(peer.socket, &record, "abc", NULL, 0) == 0);
    CHECK(peer_expect(&peer, BP_SPACE_FAILED, record.serial, NULL));
    CHECK(run(SHELL("true")) == 0); /* no harm done */
    close_plain();
}

static void test_malformed_setup(void)
{
    for (int kind = 0; kind < 5; kind++) {
        struct bp_space_record record = {0};
        peer_init(&peer, UID);
        if (kind == 0)
            peer.setup.version = 99;
        else if (kind == 1)
            memset(peer.setup.directory, 'x', sizeof peer.setup.directory);
        else if (kind == 2)
            peer.setup.lease_ms = 0;
        else if (kind == 3)
            peer.setup.uid = UINT32_MAX;
        else
            peer.setup.groups = 5; /* fits; then one too few */
        CHECK(peer_open(&peer, &record) == 0);
        CHECK(record.type == (kind == 4 ? BP_SPACE_READY : BP_SPACE_FAILED));
        if (kind < 4)
            expect_trouble();
        else
            close_plain();
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"parent, group, session and stop signals are the master's", test_families},
    {"impossible stubs are refused", test_impossible_families},
    {"PIDs are exact, others come from the upper half", test_pids},
    {"every exit status and signal", test_statuses},
    {"CPU time and memory of children count", test_accounting},
    {"programs: path, permission, interpreter", test_programs},
    {"working directory", test_cwd},
    {"identity, capabilities, descriptors", test_identity},
    {"limits", test_limits},
    {"affinity", test_affinity},
    {"environment and arguments", test_environment},
    {"mounts are the space's own", test_mounts},
    {"signals come once, with their values", test_signals},
    {"stops and continues", test_stop},
    {"signals to a starting process", test_signal_starting},
    {"helper", test_helper},
    {"500 in a row", test_rows},
    {"64 and 1024 at once", test_concurrent},
    {"close ends everything", test_close},
    {"kill -9 of bpspace ends everything", test_killed},
    {"lease", test_lease},
    {"bpnode's death ends everything", test_end_of_file},
    {"fork bomb", test_bomb},
    {"a user's kill -9 -1", test_kill_all},
    {"a job of root stops and kills stubs", test_root_job},
    {"the launcher's stub dies while ranks are made", test_maker_dies},
    {"stdin is wanted by read, poll, select, epoll", test_stdin},
    {"malformed packets", test_malformed},
    {"malformed CREATE", test_malformed_create},
    {"malformed SETUP", test_malformed_setup},
};

static int count_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "rank") == 0)
        return space_rank(argv[2]);
    unsigned count = sizeof tests / sizeof *tests, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root\n");
        return 0;
    }
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0 || realpath(argc > 1 ? argv[1] : "./bpspace", program) == NULL
        || mkdtemp(directory) == NULL || chmod(directory, 0755) < 0) {
        printf("1..0 # SKIP no bpspace, or no directory to work in\n");
        return 1;
    }
    peer_program = program;
    printf("1..%u\n", count);
    for (unsigned i = 0; i < count; i++) {
        int fds = count_fds();
        failures = 0;
        if (argc < 3 || strstr(tests[i].name, argv[2]) != NULL)
            tests[i].run();
        CHECK(count_fds() == fds);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
        printf("%sok %u - %s\n", failures > 0 ? "not " : "", i + 1, tests[i].name);
        failed += failures > 0;
    }
    rmdir(directory);
    return failed > 0;
}
