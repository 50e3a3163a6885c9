/* SPDX-License-Identifier: BSD-3-Clause */
/* test_verdict.c - which of many ends decides a job's exit status. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "proto/space_record.h"
#include "tools/verdict.h"
#include "tap.h"

static int tell(struct verdict *v, int kind, uint32_t rank, int status)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = (Bpmix__JobEvent__Kind)kind;
    event.rank = rank;
    event.status = status;
    event.node = 1;
    event.pid = 100 + (int)rank;
    return verdict_event(v, &event, "n1");
}

#define EXIT  BPMIX__JOB_EVENT__KIND__EXIT
#define ABORT BPMIX__JOB_EVENT__KIND__ABORT

static void all_well(void)
{
    struct verdict v;
    verdict_init(&v, 3, 0);
    for (uint32_t rank = 0; rank < 3; rank++)
        CU_ASSERT_EQUAL(tell(&v, EXIT, rank, 0), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 0);
    CU_ASSERT_STRING_EQUAL(v.text, "");
    verdict_done(&v);
}

/* 0, 3, 6, 9 in every order: the first that is not 0 decides. */
static void first_failure_decides(void)
{
    static const int codes[4] = {0, 3, 6, 9};
    int orders = 0;
    for (unsigned order = 0; order < 256; order++) {
        unsigned p[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        if ((1u << p[0] | 1u << p[1] | 1u << p[2] | 1u << p[3]) != 15)
            continue;
        struct verdict v;
        int expected = -1, ended = 0;
        verdict_init(&v, 4, 0);
        for (int i = 0; i < 4; i++) {
            int code = codes[p[i]];
            int now = tell(&v, EXIT, p[i], code << 8);
            if (code != 0 && expected < 0) {
                expected = code;
                CU_ASSERT_EQUAL(now, 1);
            } else {
                CU_ASSERT_EQUAL(now, 0);
            }
            ended += now;
        }
        CU_ASSERT_EQUAL(ended, 1);
        CU_ASSERT_EQUAL(verdict_status(&v), expected);
        verdict_done(&v);
        orders++;
    }
    CU_ASSERT_EQUAL(orders, 24);
}

static void no_kill_lowest_rank(void)
{
    struct verdict v;
    verdict_init(&v, 4, 1);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 3, 9 << 8), 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 1, 3 << 8), 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 2, 6 << 8), 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 0, 0), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(v.text, "rank 1 on n1 (PID 101) exited with status 3"));
    verdict_done(&v);
}

static void signals_and_failures(void)
{
    struct verdict v;
    verdict_init(&v, 2, 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 1, SIGSEGV | 0x80), 1);
    CU_ASSERT_EQUAL(verdict_status(&v), 139);
    CU_ASSERT_PTR_NOT_NULL(strstr(v.text, "killed by signal 11 (Segmentation fault)"));
    verdict_done(&v);
    static const struct {
        int error, step, status;
    } rows[] = {{ENOENT, BP_STEP_EXEC, 127}, {EACCES, BP_STEP_EXEC, 126},
                {ENOTDIR, BP_STEP_EXEC, 127}, {ENOENT, BP_STEP_CHDIR, 125},
                {EPERM, BP_STEP_IDENTITY, 125}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        verdict_init(&v, 2, 0);
        event.kind = BPMIX__JOB_EVENT__KIND__FAILED;
        event.status = rows[i].error;
        event.step = rows[i].step;
        event.text = (char *)"/what/it/was";
        CU_ASSERT_EQUAL(verdict_event(&v, &event, "n1"), 1);
        CU_ASSERT_EQUAL(verdict_status(&v), rows[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(v.text, strerror(rows[i].error)));
        CU_ASSERT_PTR_NOT_NULL(strstr(v.text, "/what/it/was"));
        verdict_done(&v);
    }
}

/* MPI_Abort(7): the upcall and the rank's own end race; both orders give 7. */
static void abort_status_in_both_orders(void)
{
    struct verdict v;
    verdict_init(&v, 2, 0);
    CU_ASSERT_EQUAL(tell(&v, ABORT, 1, 7), 1);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 1, SIGKILL), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 7);
    verdict_done(&v);
    verdict_init(&v, 2, 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 1, SIGKILL), 1);
    CU_ASSERT_EQUAL(tell(&v, ABORT, 1, 7), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 7);
    verdict_done(&v);
    verdict_init(&v, 2, 0);
    tell(&v, ABORT, 0, 256);
    CU_ASSERT_EQUAL(verdict_status(&v), 1); /* never 0 */
    verdict_done(&v);
}

/* What ranks do because we end the job does not count; what they did before does. */
static void own_teardown_does_not_count(void)
{
    struct verdict v;
    verdict_init(&v, 2, 0);
    verdict_end(&v, 124, "the time limit");
    CU_ASSERT_EQUAL(tell(&v, EXIT, 0, SIGTERM), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 124);
    verdict_done(&v);
    verdict_init(&v, 2, 0);
    tell(&v, EXIT, 0, 5 << 8);
    verdict_end(&v, 124, "the time limit");
    CU_ASSERT_EQUAL(verdict_status(&v), 5);
    verdict_done(&v);
}

static void losses(void)
{
    struct verdict v;
    verdict_init(&v, 2, 0);
    CU_ASSERT_EQUAL(tell(&v, BPMIX__JOB_EVENT__KIND__NODE_LOST, 0, 0), 1);
    CU_ASSERT_EQUAL(verdict_status(&v), 137);
    verdict_done(&v);
    verdict_init(&v, 2, 1);
    CU_ASSERT_EQUAL(tell(&v, BPMIX__JOB_EVENT__KIND__NODE_LOST, 0, 0), 0);
    CU_ASSERT_EQUAL(tell(&v, EXIT, 1, SIGKILL), 0);
    CU_ASSERT_EQUAL(verdict_status(&v), 137);
    verdict_done(&v);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"all ranks end with 0", all_well},
        {"the first failure decides, in all 24 orders of 0 3 6 9", first_failure_decides},
        {"--no-kill: the lowest failing rank", no_kill_lowest_rank},
        {"signals, and programs that do not start", signals_and_failures},
        {"MPI_Abort's status in both orders", abort_status_in_both_orders},
        {"our own teardown does not count", own_teardown_does_not_count},
        {"losses of nodes", losses},
        {NULL, NULL},
    };
    return bp_tap_run("verdict", tests);
}
