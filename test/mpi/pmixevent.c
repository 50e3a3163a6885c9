/* SPDX-License-Identifier: BSD-3-Clause */
/* pmixevent.c - PMIx alone: events between ranks, and the death of one.
 * Argument "notify": rank 0 notifies, every other rank hears it. "death": the last rank kills
 * itself; every other one hears of it, and fences with the dead one among their participants end
 * instead of hanging, and not well once it is known. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <pmix.h>

#include "check.h"

#define CODE (PMIX_EXTERNAL_ERR_BASE - 17)

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int heard, registered;
    pmix_proc_t source;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static pmix_proc_t me;
static uint32_t size;

static void on_event(size_t id, pmix_status_t code, const pmix_proc_t *source, pmix_info_t infos[],
                     size_t info_count, pmix_info_t *results, size_t result_count,
                     pmix_event_notification_cbfunc_fn_t done, void *arg)
{
    (void)id;
    (void)code;
    (void)infos;
    (void)info_count;
    (void)results;
    (void)result_count;
    pthread_mutex_lock(&state.lock);
    state.heard = 1;
    PMIX_LOAD_PROCID(&state.source, source->nspace, source->rank);
    pthread_cond_broadcast(&state.changed);
    pthread_mutex_unlock(&state.lock);
    if (done != NULL)
        done(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, arg);
}

static void on_registered(pmix_status_t status, size_t id, void *arg)
{
    (void)id;
    (void)arg;
    CHECK(status == PMIX_SUCCESS, "register: %s", PMIx_Error_string(status));
    pthread_mutex_lock(&state.lock);
    state.registered = 1;
    pthread_cond_broadcast(&state.changed);
    pthread_mutex_unlock(&state.lock);
}

static void wait_for(const int *flag)
{
    pthread_mutex_lock(&state.lock);
    while (!*flag)
        pthread_cond_wait(&state.changed, &state.lock);
    pthread_mutex_unlock(&state.lock);
}

static void listen_to(pmix_status_t code)
{
    PMIx_Register_event_handler(&code, 1, NULL, 0, on_event, on_registered, NULL);
    wait_for(&state.registered);
}

static void fence(void)
{
    pmix_status_t status = PMIx_Fence(NULL, 0, NULL, 0);
    CHECK(status == PMIX_SUCCESS, "fence: %s", PMIx_Error_string(status));
}

static void check_notify(void)
{
    pmix_info_t info;
    listen_to(CODE);
    fence();
    if (me.rank == 0) {
        PMIX_INFO_LOAD(&info, "bp.test.text", "hello", PMIX_STRING);
        pmix_status_t status =
            PMIx_Notify_event(CODE, &me, PMIX_RANGE_NAMESPACE, &info, 1, NULL, NULL);
        CHECK(status == PMIX_SUCCESS || status == PMIX_OPERATION_SUCCEEDED, "notify: %s",
              PMIx_Error_string(status));
    } else {
        wait_for(&state.heard);
        CHECK(state.source.rank == 0, "the event is from rank %u", state.source.rank);
    }
    fence();
}

static void check_death(void)
{
    listen_to(PMIX_ERR_PROC_ABORTED);
    fence();
    if (me.rank == size - 1)
        kill(getpid(), SIGKILL);
    PMIx_Fence(NULL, 0, NULL, 0); /* it may have died before, in or after this one's begin */
    wait_for(&state.heard);
    CHECK(state.source.rank == size - 1, "the event is about rank %u", state.source.rank);
    pmix_status_t status = PMIx_Fence(NULL, 0, NULL, 0);
    CHECK(status != PMIX_SUCCESS, "a fence with a dead rank went well");
}

int main(int argc, char **argv)
{
    pmix_value_t *got;
    pmix_proc_t job;
    pmix_status_t status = PMIx_Init(&me, NULL, 0);
    CHECK(status == PMIX_SUCCESS, "init: %s", PMIx_Error_string(status));
    PMIX_LOAD_PROCID(&job, me.nspace, PMIX_RANK_WILDCARD);
    status = PMIx_Get(&job, PMIX_JOB_SIZE, NULL, 0, &got);
    CHECK(status == PMIX_SUCCESS, "size: %s", PMIx_Error_string(status));
    size = got->data.uint32;
    PMIX_VALUE_RELEASE(got);
    if (argc > 1 && strcmp(argv[1], "death") == 0)
        check_death();
    else
        check_notify();
    if (me.rank == 0)
        printf("pmixevent: %u ranks ok\n", size);
    PMIx_Finalize(NULL, 0);
    return 0;
}
