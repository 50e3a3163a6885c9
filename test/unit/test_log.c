/* SPDX-License-Identifier: BSD-3-Clause */
/* test_log.c - one event is one line on stderr, and a flood of events is cut. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "common/mem.h"
#include "tap.h"

/* stderr goes to memory between begin and end. */
struct capture {
    int saved;
    int memory;
};

static struct capture begin(void)
{
    struct capture c = {dup(STDERR_FILENO), memfd_create("stderr", MFD_CLOEXEC)};
    dup2(c.memory, STDERR_FILENO);
    return c;
}

/* What was written, as text of size bytes. */
static void end(struct capture c, char *text, size_t size)
{
    dup2(c.saved, STDERR_FILENO);
    ssize_t got = pread(c.memory, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(c.saved);
    close(c.memory);
}

static void levels(void)
{
    char text[512];
    bp_log_init("bptest", BP_LOG_INFO);
    struct capture c = begin();
    bp_log_error("lost node=%d", 3);
    bp_log_warning("slow");
    bp_log_info("up");
    bp_log_debug("hidden");
    bp_log_init("bptest", BP_LOG_DEBUG);
    bp_log_debug("seen");
    end(c, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "bptest: error: lost node=3\nbptest: warning: slow\n"
                                 "bptest: info: up\nbptest: debug: seen\n");
}

static void one_line(void)
{
    char text[4096], big[3000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    bp_log_init("bptest", BP_LOG_INFO);
    struct capture c = begin();
    bp_log_info("name=%s", "a\nbptest: error: forged\033[2J");
    end(c, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "bptest: info: name=a?bptest: error: forged?[2J\n");

    c = begin();
    bp_log_info("%s", big);
    end(c, text, sizeof text);
    size_t length = strlen(text);
    CU_ASSERT(length > 1000 && length < 2048);
    CU_ASSERT(length > 0 && text[length - 1] == '\n');
    CU_ASSERT(strchr(text, '\n') == text + length - 1);
}

static void errno_survives(void)
{
    char text[64];
    struct capture c = begin();
    close(STDERR_FILENO);
    errno = ENOENT;
    bp_log_info("nobody hears this");
    CU_ASSERT_EQUAL(errno, ENOENT);
    end(c, text, sizeof text);
}

static void limit(void)
{
    struct bp_log_limit bucket = {.burst = 3};
    unsigned long dropped = 99;
    int passed = 0;
    for (int i = 0; i < 3; i++)
        passed += bp_log_limit_pass(&bucket, &dropped);
    CU_ASSERT_EQUAL(passed, 3);
    CU_ASSERT_EQUAL(dropped, 0);
    /* Time is moved by hand: a second ago there was one token less. */
    bucket.tokens = 0;
    bucket.last_s += 1000;
    CU_ASSERT_EQUAL(bp_log_limit_pass(&bucket, &dropped), 0);
    bucket.tokens = 0;
    bucket.last_s += 1000;
    CU_ASSERT_EQUAL(bp_log_limit_pass(&bucket, &dropped), 0);
    bucket.last_s -= 2;
    CU_ASSERT_EQUAL(bp_log_limit_pass(&bucket, &dropped), 1);
    CU_ASSERT_EQUAL(dropped, 2);
    bucket.last_s -= 1000;
    CU_ASSERT_EQUAL(bp_log_limit_pass(&bucket, &dropped), 1);
    CU_ASSERT(bucket.tokens <= bucket.burst);
    CU_ASSERT_EQUAL(dropped, 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"levels", levels},
        {"an event is one line, whatever is in it", one_line},
        {"errno survives", errno_survives},
        {"a flood is cut and counted", limit},
        {NULL, NULL},
    };
    return bp_tap_run("log", tests);
}
