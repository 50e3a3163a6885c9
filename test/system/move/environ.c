/* SPDX-License-Identifier: BSD-3-Clause */
/* environ.c - arguments and environment, those changed before too; what /proc says of them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "move_test.h"

extern char **environ;

static void spoil(void)
{
    unsetenv("MOVE_GREETING");
}

static size_t read_all(const char *path, char *text, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0, "%s: %m", path);
    ssize_t got = read(fd, text, bytes);
    CHECK(got >= 0, "%s: %m", path);
    close(fd);
    return (size_t)got;
}

static unsigned long stack_start(void)
{
    char text[4096];
    text[read_all("/proc/self/stat", text, sizeof text - 1)] = 0;
    char *field = strrchr(text, ')') + 1;
    unsigned long value = 0;
    for (int i = 3; i <= 28; i++)
        value = strtoul(field + 1, &field, 10), field = i == 3 ? strchr(field + 1, ' ') : field;
    return value;
}

int main(int argc, char **argv)
{
    static char before[65536], after[65536], environment[65536], environment_after[65536];
    CHECK(argc == 3 && strcmp(argv[1], "one argument") == 0, "usage: environ 'one argument' ''");
    size_t bytes = read_all("/proc/self/cmdline", before, sizeof before);
    size_t environment_bytes = read_all("/proc/self/environ", environment, sizeof environment);
    unsigned long stack = stack_start();
    char put[] = "MOVE_PUT=here";
    MUST(setenv("MOVE_GREETING", "hello", 1));
    CHECK(putenv(put) == 0, "%m");
    char **old = environ;
    hop(spoil);
    CHECK(environ == old, "environ is %p, was %p", (void *)environ, (void *)old);
    CHECK(getenv("MOVE_GREETING") != NULL && strcmp(getenv("MOVE_GREETING"), "hello") == 0,
          "setenv before");
    CHECK(getenv("MOVE_PUT") == put + 9, "putenv before");
    CHECK(argc == 3 && strcmp(argv[1], "one argument") == 0 && argv[2][0] == 0 && argv[3] == NULL,
          "arguments");
    CHECK(read_all("/proc/self/cmdline", after, sizeof after) == bytes &&
          memcmp(before, after, bytes) == 0, "/proc/self/cmdline is %s, was %s", after, before);
    CHECK(read_all("/proc/self/environ", environment_after, sizeof environment_after) ==
          environment_bytes && memcmp(environment, environment_after, environment_bytes) == 0,
          "/proc/self/environ");
    CHECK(stack_start() == stack, "the stack started at %lx, now at %lx", stack, stack_start());
    MUST(setenv("MOVE_GREETING", "good bye, and a longer one than before", 1));
    CHECK(system("test \"$MOVE_GREETING\" = 'good bye, and a longer one than before'") == 0,
          "setenv after, in a child");
    CHECK(clearenv() == 0 && getenv("PATH") == NULL, "clearenv");
    return 0;
}
