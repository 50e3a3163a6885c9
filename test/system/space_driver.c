/* SPDX-License-Identifier: BSD-3-Clause */
/* space_driver.c - plays bpnode to bpspace, as root; prints TAP. Usage: space_driver [BPSPACE
 * [NAME]]; as a rank: space_driver rank MODE. The tests are in the files that space_tests.h names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "space_rank.h"
#include "space_tests.h"

int failures;
char self[4096];
char directory[64] = "/tmp/space-driver.XXXXXX";
struct peer peer;
char output[65536];
uint64_t serials = 1;

void check(int passed, const char *text, int line)
{
    if (passed)
        return;
    failures++;
    printf("# line %d: %s\n", line, text);
}

#define ARGV(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define SHELL(command) ARGV("/bin/sh", "-c", command)
#define RANK(mode)     ARGV(self, "rank", mode)

void open_plain(uid_t uid)
{
    peer_init(&peer, uid);
    CHECK(peer_open(&peer, NULL) == 0);
}

void close_plain(void)
{
    CHECK(peer_close(&peer) == 0);
}

int run_as(pid_t pid, const char *const *argv, struct bp_space_record *ret_last)
{
    struct creation creation = {.serial = serials++, .pid = pid, .argv = argv};
    return peer_run(&peer, &creation, output, sizeof output, ret_last);
}

int run(const char *const *argv)
{
    return run_as(0, argv, NULL);
}

uint64_t begin(pid_t pid, const char *const *argv, int *ret_fd)
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

void expect_line(int fd, const char *line)
{
    peer_read(fd, output, sizeof output, 1);
    if (strcmp(output, line) != 0)
        printf("# got: %s, not: %s\n", output, line);
    CHECK(strcmp(output, line) == 0);
}

int wait_exit(uint64_t serial)
{
    struct bp_space_record record = {.status = -1};
    peer_expect(&peer, BP_SPACE_EXIT, serial, &record);
    return record.status;
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"parent, group, session and stop signals are the master's", test_families},
    {"impossible stubs are refused", test_impossible_families},
    {"PIDs are exact, others come from the upper half", test_pids},
    {"the PID cursor comes back", test_cursor},
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
    {"signals to all do not reach what runs elsewhere", test_signals_leaving},
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
    if (length < 0 || realpath(argc > 1 ? argv[1] : "./bpspace", program) == NULL ||
        mkdtemp(directory) == NULL || chmod(directory, 0755) < 0) {
        printf("1..0 # SKIP no bpspace, or no directory to work in\n");
        return 1;
    }
    peer_program = program;
    printf("1..%u\n", count);
    for (unsigned i = 0; i < count; i++) {
        int fds = count_fds();
        failures = 0;
        int chosen = argc < 3 || strstr(tests[i].name, argv[2]) != NULL;
        if (chosen)
            tests[i].run();
        CHECK(count_fds() == fds);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
        printf("%sok %u - %s%s\n", failures > 0 ? "not " : "", i + 1, tests[i].name,
               chosen ? "" : " # SKIP not chosen");
        failed += failures > 0;
    }
    rmdir(directory);
    return failed > 0;
}
