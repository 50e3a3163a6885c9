/* SPDX-License-Identifier: BSD-3-Clause */
/* mutexes.c - mutexes of all kinds held across the move; a robust one whose owner ends after. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "move_test.h"

static pthread_mutex_t normal = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t checking, recursive, robust, left;
static pthread_rwlock_t both = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t count;
static bool said;

static void spoil(void)
{
    syscall(SYS_set_robust_list, NULL, 24);
}

static void make(pthread_mutex_t *mutex, int type, int robustness)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutexattr_setrobust(&attributes, robustness);
    CHECK(pthread_mutex_init(mutex, &attributes) == 0, "a mutex");
}

static void *leave(void *unused)
{
    CHECK(pthread_mutex_lock(&left) == 0, "lock");
    CHECK(pthread_mutex_lock(&normal) == 0, "lock");
    said = true;
    CHECK(pthread_cond_signal(&condition) == 0 && pthread_mutex_unlock(&normal) == 0, "signal");
    return unused; /* with `left` held */
}

static void check_robust_list(void *wanted)
{
    void *head = NULL;
    size_t bytes = 0;
    MUST(syscall(SYS_get_robust_list, 0, &head, &bytes));
    CHECK(head == wanted && bytes == 24, "the robust list is at %p, was at %p", head, wanted);
}

static void check_owned(enum hop how)
{
    CHECK(pthread_mutex_trylock(&normal) == EBUSY, "the mutex is free");
    CHECK(pthread_mutex_unlock(&normal) == 0, "unlock");
    if (how == HOP_COPIED)
        return; /* they know their owner by the id of its thread, which a copy does not have */
    CHECK(pthread_mutex_lock(&checking) == EDEADLK, "the checking mutex knows its owner");
    CHECK(pthread_mutex_unlock(&checking) == 0, "unlock");
    CHECK(pthread_mutex_lock(&recursive) == 0, "lock");
    for (int i = 0; i < 3; i++)
        CHECK(pthread_mutex_unlock(&recursive) == 0, "unlock %d", i);
    CHECK(pthread_mutex_unlock(&recursive) == EPERM, "unlock once too often");
    CHECK(pthread_mutex_unlock(&robust) == 0, "unlock");
}

int main(void)
{
    make(&checking, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
    make(&recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
    make(&robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    make(&left, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    MUST(sem_init(&count, 0, 2));
    pthread_mutex_lock(&normal);
    pthread_mutex_lock(&checking);
    pthread_mutex_lock(&recursive);
    pthread_mutex_lock(&recursive);
    pthread_mutex_lock(&robust);
    pthread_rwlock_rdlock(&both);
    sem_wait(&count);
    void *head = NULL;
    size_t bytes;
    MUST(syscall(SYS_get_robust_list, 0, &head, &bytes));
    enum hop how = hop(spoil);
    check_robust_list(head);
    check_owned(how);
    CHECK(pthread_rwlock_trywrlock(&both) == EBUSY && pthread_rwlock_unlock(&both) == 0, "rwlock");
    CHECK(sem_trywait(&count) == 0 && sem_trywait(&count) == -1, "the semaphore");
    pthread_t thread;
    pthread_mutex_lock(&normal);
    CHECK(pthread_create(&thread, NULL, leave, NULL) == 0, "a thread");
    while (!said)
        CHECK(pthread_cond_wait(&condition, &normal) == 0, "wait");
    pthread_mutex_unlock(&normal);
    CHECK(pthread_join(thread, NULL) == 0, "its end");
    CHECK(pthread_mutex_lock(&left) == EOWNERDEAD, "the owner has ended");
    CHECK(pthread_mutex_consistent(&left) == 0 && pthread_mutex_unlock(&left) == 0, "repair");
    return 0;
}
