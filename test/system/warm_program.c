/* SPDX-License-Identifier: BSD-3-Clause */
/* warm_program.c - a program for bprun --warm: initialises, calls bproc_warm, tells what it finds. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/bproc.h>

static void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "plain";
    const size_t size = 8 << 20;
    char *table = malloc(size);
    char host[64] = "";
    pthread_t thread;
    if (table == NULL)
        return 9;
    for (size_t i = 0; i < size; i++)
        table[i] = (char)(i % 251);
    setenv("SET_BY_PROGRAM", "kept", 1);
    printf("initialised by %d\n", (int)getpid()); /* stays in the buffer of a pipe */
    if (strcmp(how, "threads") == 0 && pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
        return 9;
    if (strcmp(how, "killed") == 0)
        raise(9);
    int result = bproc_warm();
    int error = errno;
    int again = bproc_warm();
    size_t wrong = 0;
    for (size_t i = 0; i < size; i++)
        wrong += table[i] != (char)(i % 251);
    gethostname(host, sizeof host - 1);
    printf("%d %d %s %s %s %d %s wrong %zu errno %d\n", result, again,
           getenv("BPROC_RANK") != NULL ? getenv("BPROC_RANK") : "-", host,
           getenv("SET_BY_PROGRAM"), (int)getpid(), getenv("GIVEN") != NULL ? getenv("GIVEN") : "-",
           wrong, result < 0 ? error : 0);
    if (strcmp(how, "read") == 0 && fgets(host, sizeof host, stdin) != NULL)
        printf("read %s", host);
    return strcmp(how, "exit") == 0 ? 40 + atoi(getenv("BPROC_RANK")) : 0;
}
