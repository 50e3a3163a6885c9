/* SPDX-License-Identifier: BSD-3-Clause */
/* test_mem.c - cleanup attributes, and the end of a program whose memory is out. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/mem.h"
#include "tap.h"

/* The address sanitizer needs an address space of its own and judges allocations by itself. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

static void zeroed(void)
{
    auto_free unsigned char *bytes = bp_calloc(100, 3);
    unsigned sum = 0;
    for (int i = 0; i < 300; i++)
        sum += bytes[i];
    CU_ASSERT_EQUAL(sum, 0);
    auto_free void *nothing = bp_calloc(0, 8);
    CU_ASSERT_PTR_NOT_NULL(nothing);
}

static void grows(void)
{
    auto_free int *numbers = bp_realloc(NULL, 1, sizeof *numbers);
    numbers[0] = 42;
    numbers = bp_realloc(numbers, 1000, sizeof *numbers);
    CU_ASSERT_EQUAL(numbers[0], 42);
    numbers = bp_realloc(numbers, 0, sizeof *numbers);
    CU_ASSERT_PTR_NOT_NULL(numbers);
}

static void strings(void)
{
    auto_free char *copy = bp_strdup("text");
    CU_ASSERT_STRING_EQUAL(copy, "text");
    auto_free char *made = bp_format("%s-%d", copy, 7);
    CU_ASSERT_STRING_EQUAL(made, "text-7");
}

static int open_null(void)
{
    auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return bp_take_fd(fd);
}

static void cleanup(void)
{
    int number;
    {
        auto_close int fd = open_null();
        number = fd;
        CU_ASSERT(fd >= 0 && fcntl(fd, F_GETFD) >= 0);
    }
    CU_ASSERT(fcntl(number, F_GETFD) < 0 && errno == EBADF);
    auto_free char *first = bp_strdup("moved");
    auto_free char *second = bp_take_ptr(first);
    CU_ASSERT_PTR_NULL(first);
    CU_ASSERT_STRING_EQUAL(second, "moved");
}

static void ask_more_than_fits(void)
{
    bp_realloc(NULL, SIZE_MAX / 2, 3);
}

static void ask_more_than_allowed(void)
{
    struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    bp_calloc(1, (size_t)1 << 40);
}

/* run ends its process with status 1 and this one line on stderr. */
static void ends(void (*run)(void))
{
    int pipe_fds[2];
    char text[128] = {0};
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        CU_FAIL("pipe2 failed");
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_fds[1], STDERR_FILENO);
        run();
        _exit(0);
    }
    close(pipe_fds[1]);
    ssize_t got = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    CU_ASSERT(got > 0);
    CU_ASSERT_STRING_EQUAL(text, "bpmix: out of memory\n");
}

static void out_of_memory(void)
{
    ends(ask_more_than_fits);
#ifndef ADDRESS_SANITIZER
    ends(ask_more_than_allowed);
#else
    (void)ask_more_than_allowed;
#endif
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"memory is zeroed and never NULL", zeroed},
        {"memory grows and keeps what it has", grows},
        {"strings", strings},
        {"locals are freed and closed unless taken", cleanup},
        {"out of memory is one line and status 1", out_of_memory},
        {NULL, NULL},
    };
    return bp_tap_run("mem", tests);
}
