/* SPDX-License-Identifier: BSD-3-Clause */
/* space_tests.h - what the files of space_driver share. */
#ifndef BP_TEST_SPACE_TESTS_H
#define BP_TEST_SPACE_TESTS_H

#include <sys/types.h>

#include "space_peer.h"

#define UID 54321 /* no passwd entry has it */

extern int failures;       /* of the running test */
extern char self[4096];    /* the driver: run as a rank by RANK() */
extern char directory[64]; /* to work in; anybody may read it */
extern struct peer peer;   /* the space of the running test */
extern char output[65536];
extern uint64_t serials; /* the next one */

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
void check(int passed, const char *text, int line);

#define ARGV(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define SHELL(command) ARGV("/bin/sh", "-c", command)
#define RANK(mode)     ARGV(self, "rank", mode)

/* A space for uid without stubs; its end by CLOSE. */
void open_plain(uid_t uid);
void close_plain(void);

/* Run argv to its end as pid (0 = any), its stdout in `output`; its wait status, or -1 = FAILED. */
int run_as(pid_t pid, const char *const *argv, struct bp_space_record *ret_last);
int run(const char *const *argv);

/* Create argv with stdout in *ret_fd, and return its serial when its exec is reported. */
uint64_t begin(pid_t pid, const char *const *argv, int *ret_fd);

/* The next line from fd must be this one. */
void expect_line(int fd, const char *line);

/* The wait status of serial, which must come. */
int wait_exit(uint64_t serial);

/* space_birth.c */
void test_families(void);
void test_impossible_families(void);
void test_pids(void);
void test_cursor(void);
void test_programs(void);
void test_cwd(void);
void test_identity(void);
void test_limits(void);
void test_affinity(void);
void test_environment(void);
void test_mounts(void);
void test_helper(void);

/* space_life.c */
void test_statuses(void);
void test_accounting(void);
void test_signals(void);
void test_signals_leaving(void);
void test_stop(void);
void test_signal_starting(void);
void test_rows(void);
void test_concurrent(void);

/* space_end.c */
void test_close(void);
void test_killed(void);
void test_lease(void);
void test_end_of_file(void);
void test_bomb(void);
void test_kill_all(void);
void test_root_job(void);
void test_maker_dies(void);

/* space_input.c */
void test_stdin(void);
void test_malformed(void);
void test_malformed_create(void);
void test_malformed_setup(void);

#endif
