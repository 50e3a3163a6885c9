/* SPDX-License-Identifier: BSD-3-Clause */
/* tls.c - thread-local data of the program and of an opened library, errno, keys. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "move_test.h"
#include "plugin.h"

static __thread int counter = 41;
static __thread char big[5000] __attribute__((aligned(64)));
static pthread_key_t key;

static void spoil(void)
{
    big[4000] ^= 1;
}

static void *in_thread(void *unused)
{
    CHECK(counter == 41 && big[0] == 0, "a new thread's data: %d", counter);
    CHECK(pthread_getspecific(key) == NULL, "a new thread's key");
    errno = ERANGE;
    return unused;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2, "usage: tls PLUGIN");
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL, "%s", dlerror());
    char *(*plugin_data)(void) = (char *(*)(void))dlsym(plugin, "plugin_local");
    CHECK(plugin_data != NULL, "%s", dlerror());
    char *data = plugin_data();
    move_fill(data, 3000, 9);
    move_fill(big, sizeof big, 8);
    counter = 42;
    CHECK(pthread_key_create(&key, NULL) == 0 && pthread_setspecific(key, argv) == 0, "a key");
    pthread_t self = pthread_self(), thread;
    errno = EXDEV;
    hop(spoil);
    CHECK(errno == EXDEV, "errno is %d", errno);
    CHECK(counter == 42, "counter is %d", counter);
    CHECK(((uintptr_t)big & 63) == 0 && move_filled(big, sizeof big, 8), "the program's data");
    CHECK(plugin_data() == data && move_filled(data, 3000, 9), "the library's data");
    CHECK(pthread_getspecific(key) == argv, "the key");
    CHECK(pthread_equal(self, pthread_self()), "pthread_self");
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0, "a thread");
    CHECK(pthread_join(thread, NULL) == 0, "its end");
    CHECK(errno == EXDEV, "errno is %d", errno);
    return 0;
}
