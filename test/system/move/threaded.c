/* SPDX-License-Identifier: BSD-3-Clause */
/* threaded.c - with a second thread: a move is refused and all goes on; a copy has the calling thread only. */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>

#include "move_test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int question, answer;

static void spoil(void)
{
    answer = -1;
}

static void *work(void *offset)
{
    pthread_mutex_lock(&lock);
    while (question == 0)
        pthread_cond_wait(&changed, &lock);
    answer += question + *(int *)offset;
    pthread_mutex_unlock(&lock);
    return offset;
}

static int count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder != NULL, "%m");
    int count = -2;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void check_thread(pthread_t thread, int wanted)
{
    pthread_mutex_lock(&lock);
    question = 40;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    CHECK(pthread_join(thread, NULL) == 0, "its end");
    CHECK(answer == wanted, "the thread's answer is %d", answer);
}

int main(void)
{
    int offset = 2;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, &offset) == 0, "a thread");
    enum hop how = hop_try(spoil);
    CHECK(how != HOP_MOVED, "a thread was left behind");
    if (how != HOP_COPIED) {
        CHECK(count_threads() == 2, "%d threads", count_threads());
        check_thread(thread, 42);
        return 0;
    }
    CHECK(count_threads() == 1, "%d threads in a copy", count_threads());
    free(malloc(5000000));
    CHECK(pthread_mutex_init(&lock, NULL) == 0 && pthread_cond_init(&changed, NULL) == 0, "init");
    CHECK(pthread_create(&thread, NULL, work, &offset) == 0, "a new thread");
    check_thread(thread, 42);
    return 0;
}
