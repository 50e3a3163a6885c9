/* SPDX-License-Identifier: BSD-3-Clause */
/* pmixfence.c - PMIx alone, no MPI: a fence must wait for everybody (rank 0 comes last, and only
 * when all others have called in); a collecting fence carries everybody's data; fences of subsets
 * go their own ways. Argument: a directory that all ranks share. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pmix.h>

#include "check.h"

#define ROUNDS 20

static pmix_proc_t me;
static uint32_t size;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
    pmix_status_t status;
} fence = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_fence(pmix_status_t status, void *arg)
{
    (void)arg;
    pthread_mutex_lock(&fence.lock);
    fence.done = 1;
    fence.status = status;
    pthread_cond_signal(&fence.changed);
    pthread_mutex_unlock(&fence.lock);
}

static pmix_status_t wait_fence(void)
{
    pthread_mutex_lock(&fence.lock);
    while (!fence.done)
        pthread_cond_wait(&fence.changed, &fence.lock);
    fence.done = 0;
    pthread_mutex_unlock(&fence.lock);
    return fence.status;
}

/* Rank 0 leaves a mark and enters last; whoever is out of the fence must see the mark. */
static void check_waiting(const char *directory)
{
    char queue[4096], mark[4096];
    snprintf(queue, sizeof queue, "%s/%s.queue", directory, me.nspace);
    snprintf(mark, sizeof mark, "%s/%s.mark", directory, me.nspace);
    CHECK(mkfifo(queue, 0600) == 0 || errno == EEXIST, "mkfifo %s: %s", queue, strerror(errno));
    int fd = open(queue, O_RDWR | O_CLOEXEC); /* both ends: nobody waits in open */
    CHECK(fd >= 0, "open %s: %s", queue, strerror(errno));
    if (me.rank == 0) {
        char byte;
        for (uint32_t i = 1; i < size; i++)
            CHECK(read(fd, &byte, 1) == 1, "read");
        close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    pmix_status_t status = PMIx_Fence_nb(NULL, 0, NULL, 0, on_fence, NULL);
    CHECK(status == PMIX_SUCCESS, "fence: %s", PMIx_Error_string(status));
    if (me.rank != 0)
        CHECK(write(fd, "", 1) == 1, "write");
    status = wait_fence();
    CHECK(status == PMIX_SUCCESS, "fence: %s", PMIx_Error_string(status));
    CHECK(access(mark, F_OK) == 0, "rank %u left the fence before rank 0 came", me.rank);
    status = PMIx_Fence(NULL, 0, NULL, 0);
    CHECK(status == PMIX_SUCCESS, "fence: %s", PMIx_Error_string(status));
    close(fd);
    if (me.rank == 0) {
        unlink(queue);
        unlink(mark);
    }
}

static void check_data(void)
{
    pmix_value_t value, *got;
    pmix_info_t collect;
    char text[200], key[] = "bp.test";
    memset(text, 'x', sizeof text);
    snprintf(text, sizeof text, "data of rank %u", me.rank);
    value.type = PMIX_STRING;
    value.data.string = text;
    CHECK(PMIx_Put(PMIX_GLOBAL, key, &value) == PMIX_SUCCESS, "put");
    CHECK(PMIx_Commit() == PMIX_SUCCESS, "commit");
    PMIX_INFO_LOAD(&collect, PMIX_COLLECT_DATA, NULL, PMIX_BOOL);
    pmix_status_t status = PMIx_Fence(NULL, 0, &collect, 1);
    CHECK(status == PMIX_SUCCESS, "fence: %s", PMIx_Error_string(status));
    for (uint32_t rank = 0; rank < size; rank++) {
        pmix_proc_t proc;
        PMIX_LOAD_PROCID(&proc, me.nspace, rank);
        status = PMIx_Get(&proc, key, NULL, 0, &got);
        CHECK(status == PMIX_SUCCESS, "get of rank %u: %s", rank, PMIx_Error_string(status));
        snprintf(text, sizeof text, "data of rank %u", rank);
        CHECK(strcmp(got->data.string, text) == 0, "rank %u has \"%s\"", rank, got->data.string);
        PMIX_VALUE_RELEASE(got);
    }
}

/* What the library derives from the maps for ranks elsewhere. */
static void check_job(void)
{
    pmix_value_t *got;
    for (uint32_t rank = 0; rank < size; rank++) {
        pmix_proc_t proc;
        PMIX_LOAD_PROCID(&proc, me.nspace, rank);
        static const char *const keys[] = {PMIX_HOSTNAME, PMIX_LOCAL_RANK, PMIX_NODE_RANK};
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            pmix_status_t status = PMIx_Get(&proc, keys[i], NULL, 0, &got);
            CHECK(status == PMIX_SUCCESS, "%s of rank %u: %s", keys[i], rank,
                  PMIx_Error_string(status));
            PMIX_VALUE_RELEASE(got);
        }
    }
}

/* The ranks of my parity, in turn with fences of all. */
static void check_subsets(void)
{
    pmix_proc_t *procs = calloc(size, sizeof *procs);
    size_t count = 0;
    for (uint32_t rank = me.rank % 2; rank < size; rank += 2) {
        PMIX_LOAD_PROCID(&procs[count], me.nspace, rank); /* a macro: no ++ in there */
        count++;
    }
    for (int i = 0; i < ROUNDS; i++) {
        pmix_status_t status = PMIx_Fence(procs, count, NULL, 0);
        CHECK(status == PMIX_SUCCESS, "fence %d of a subset: %s", i, PMIx_Error_string(status));
        if (i % 5 == 0)
            CHECK(PMIx_Fence(NULL, 0, NULL, 0) == PMIX_SUCCESS, "fence %d", i);
    }
    free(procs);
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
    check_job();
    check_waiting(argc > 1 ? argv[1] : ".");
    check_data();
    check_subsets();
    if (me.rank == 0)
        printf("pmixfence: %u ranks ok\n", size);
    status = PMIx_Finalize(NULL, 0);
    CHECK(status == PMIX_SUCCESS, "finalize: %s", PMIx_Error_string(status));
    return 0;
}
