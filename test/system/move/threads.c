/* SPDX-License-Identifier: BSD-3-Clause */
/* threads.c - threads that ended before; new ones after, with their stacks and locks. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "move_test.h"

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all;
static __thread int mine;
static int sum;

static void spoil(void)
{
    sum = 1;
}

static void *work(void *argument)
{
    char stack[20000];
    memset(stack, *(int *)argument, sizeof stack);
    pthread_barrier_wait(&all);
    for (int i = 0; i < ROUNDS; i++) {
        free(malloc((size_t)i));
        pthread_mutex_lock(&lock);
        sum++;
        pthread_mutex_unlock(&lock);
        mine++;
    }
    CHECK(mine == ROUNDS && stack[12345] == *(int *)argument, "%d rounds", mine);
    return argument;
}

static void run_all(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    void *result;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0, "thread %d", i);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], &result) == 0 && result == &numbers[i], "its end");
        CHECK(!pthread_equal(threads[i], pthread_self()), "a thread is this one");
    }
}

int main(void)
{
    CHECK(pthread_barrier_init(&all, NULL, THREADS) == 0, "a barrier");
    run_all();
    sum = 0;
    hop(spoil);
    run_all();
    CHECK(sum == THREADS * ROUNDS, "%d rounds", sum);
    pthread_attr_t attributes;
    void *stack;
    size_t bytes;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0, "attributes");
    CHECK(pthread_attr_getstack(&attributes, &stack, &bytes) == 0, "the stack");
    CHECK((char *)&bytes > (char *)stack && (char *)&bytes < (char *)stack + bytes,
          "a local is not on the stack that libc knows");
    return 0;
}
