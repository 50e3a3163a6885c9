/* SPDX-License-Identifier: BSD-3-Clause */
/* test_words.c - numbers and times of the command line, and text made fit for a terminal. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tap.h"
#include "tools/text.h"
#include "tools/words.h"

static struct {
    const char *word;
    int is_time;
    uint32_t value;
    int refused;
} asked;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != ARGP_KEY_INIT)
        return 0;
    char *said = NULL;
    size_t size = 0;
    state->err_stream = open_memstream(&said, &size);
    asked.value = asked.is_time ? word_time(state, "-t", asked.word)
                                : word_number(state, "-n", asked.word, 1, 100);
    fclose(state->err_stream);
    asked.refused = strstr(said, "takes") != NULL;
    free(said);
    state->err_stream = stderr;
    return 0;
}

/* The word's value, or -1 when argp was told of an error. */
static int64_t ask(int is_time, const char *word)
{
    static const struct argp argp = {.parser = parse};
    char name[] = "test", *argv[] = {name, NULL};
    asked.word = word;
    asked.is_time = is_time;
    argp_parse(&argp, 1, argv, ARGP_NO_EXIT, NULL, NULL);
    return asked.refused ? -1 : (int64_t)asked.value;
}

static void numbers(void)
{
    CU_ASSERT_EQUAL(ask(0, "1"), 1);
    CU_ASSERT_EQUAL(ask(0, "100"), 100);
    static const char *const bad[] = {"", "0", "101", "-1", "1x", " ", "18446744073709551617"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(ask(0, bad[i]), -1);
}

static void signals(void)
{
    CU_ASSERT_EQUAL(word_signal("TERM"), SIGTERM);
    CU_ASSERT_EQUAL(word_signal("sigkill"), SIGKILL);
    CU_ASSERT_EQUAL(word_signal("9"), 9);
    CU_ASSERT_EQUAL(word_signal("0"), 0);
    CU_ASSERT_EQUAL(word_signal("RTMIN"), SIGRTMIN);
    CU_ASSERT_EQUAL(word_signal("SIGRTMAX-2"), SIGRTMAX - 2);
    static const char *const bad[] = {"", "SIG", "TERMINATE", "65", "-1", "1x", "RTMIN-1",
                                      "RTMIN+", "RTMAX+1", "RTMIN+99999999999", "RT"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(word_signal(bad[i]), -1);
}

static void times(void)
{
    CU_ASSERT_EQUAL(ask(1, "0"), 0);
    CU_ASSERT_EQUAL(ask(1, "90"), 5400);
    CU_ASSERT_EQUAL(ask(1, "2:30"), 150);
    CU_ASSERT_EQUAL(ask(1, "1:00:01"), 3601);
    CU_ASSERT_EQUAL(ask(1, "1000000"), 60000000);
    CU_ASSERT_EQUAL(ask(1, "1-0"), 86400);
    CU_ASSERT_EQUAL(ask(1, "2-3"), 2 * 86400 + 3 * 3600);
    CU_ASSERT_EQUAL(ask(1, "0-1:30"), 5400);
    CU_ASSERT_EQUAL(ask(1, "1-0:0:1"), 86401);
    CU_ASSERT_EQUAL(ask(1, "UNLIMITED"), 0);
    static const char *const bad[] = {"", ":", "1:", "1:2:3:", "1:2:3:4", "x", "1 ", "-1", "1:-1",
                                      "99999999", "0:99999999999", "18446744073709551617",
                                      "1:2:18446744073709551615", "1-", "-", "-1-1", "1-1-1", "x-1",
                                      "1-1:2:3:4", "99999999-0", "18446744073709551617-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(ask(1, bad[i]), -1);
}

static int plain_is(const char *text, const char *wanted)
{
    auto_free char *plain = text_plain(text);
    return strcmp(plain, wanted) == 0;
}

static void plain(void)
{
    CU_ASSERT(plain_is("", ""));
    CU_ASSERT(plain_is("prog --x", "prog --x"));
    CU_ASSERT(plain_is("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"));
    CU_ASSERT(plain_is("\x1b[2J\n\x7f", "?[2J??"));
    CU_ASSERT(plain_is("a\xc2\x9b" "b", "a??b")); /* CSI in one character */
    CU_ASSERT(plain_is("cut \xc3", "cut ?"));
    CU_ASSERT(plain_is("\xff\xfe\xc3\xbc", "????"));
}

static void master(void)
{
    static const struct {
        const char *nodes, *rest;
        uint32_t masters;
    } rows[] = {
        {"-1", "", 1}, {"master", "", 1}, {"0-3", "0-3", 0}, {"-1,0", "0", 1}, {"0,-1", "0", 1},
        {"n[0,2],-1,master,5", "n[0,2],5", 2}, {"n[1,-1", "n[1,-1", 0}, {"masters", "masters", 0},
        {"-12", "-12", 0}, {"", "", 0}, {"1,,2", "1,,2", 0}, {"allup,-1", "allup", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *rest;
        CU_ASSERT_EQUAL(word_master(rows[i].nodes, &rest), rows[i].masters);
        CU_ASSERT_STRING_EQUAL(rest, rows[i].rest);
        free(rest);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"numbers within their bounds", numbers},
        {"signals by name and by number", signals},
        {"times in minutes, and none that overflows", times},
        {"the master among nodes", master},
        {"text of others, without control characters", plain},
        {NULL, NULL},
    };
    return bp_tap_run("words", tests);
}
