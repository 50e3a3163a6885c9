/* SPDX-License-Identifier: BSD-3-Clause */
/* bpkill.c - a signal to every process of jobs. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/client.h"
#include "tools/words.h"

#define JOB_MIN 65536 /* bpmaster's first job has a bigger number: smaller ones are slips */

struct options {
    int signal; /* -1 = not said yet */
    uint64_t *jobs;
    int count;
};

static const struct argp_option rows[] = {
    {"signal", 's', "SIGNAL", 0,
     "Name or number (TERM), also -9 or -TERM as the first word; 0: send none, ask only", 0},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 0},
    {0}};

/* The last word may be the signal. Nothing is sent unless all words make sense. */
static void take_words(struct argp_state *state, struct options *options)
{
    char **words = state->argv + state->next;
    int count = state->argc - state->next;
    int number = count > 1 ? word_signal(words[count - 1]) : -1;
    if (number >= 0 && options->signal >= 0)
        argp_error(state, "two signals, %s and that of -s", words[count - 1]);
    if (number >= 0) {
        options->signal = number;
        count--;
    }
    options->jobs = bp_calloc((size_t)count, sizeof *options->jobs);
    for (int i = 0; i < count; i++) {
        char *end;
        errno = 0;
        options->jobs[i] = strtoull(words[i], &end, 10);
        if (*end != '\0' || errno != 0 || words[i][0] == '-' || options->jobs[i] < JOB_MIN)
            argp_error(state, "%s is no number of a job%s (bpstat -j lists them)", words[i],
                       i > 0 && i == count - 1 ? ", and no signal" : "");
    }
    options->count = count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 's':
        options->signal = word_signal(arg);
        if (options->signal < 0)
            argp_error(state, "there is no signal %s", arg);
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case ARGP_KEY_ARGS:
        take_words(state, options);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which job? (bpstat -j lists them)");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* kill's way to say it: the first word is -9 or -TERM. */
static void take_kill_style(char **argv)
{
    static char option[32];
    if (argv[1] == NULL || argv[1][0] != '-' || word_signal(argv[1] + 1) < 0)
        return;
    snprintf(option, sizeof option, "--signal=%d", word_signal(argv[1] + 1));
    argv[1] = option;
}

static int send_signal(uint64_t job, int number, struct bp_error *err)
{
    struct bp_local_message answer;
    Bpmix__JobKill kill = BPMIX__JOB_KILL__INIT;
    kill.signal = (uint32_t)number;
    int r = bp_client_call((struct bp_frame){.type = BP_JOB_SIGNAL, .job = job}, &kill, BP_DONE,
                           &answer, err);
    if (r == 0)
        bp_local_done(&answer);
    return r;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "JOB...\nJOB... SIGNAL",
        "bpkill - send a signal to every process of jobs, whichever nodes they are on. A job that "
        "waits is taken out of the line.", NULL, NULL, NULL};
    argp_program_version = "bpkill (bpmix) " BP_VERSION;
    struct options options = {.signal = -1};
    int status = 0;
    take_kill_style(argv);
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.signal < 0)
        options.signal = SIGTERM;
    for (int i = 0; i < options.count; i++) {
        struct bp_error err = {0};
        if (send_signal(options.jobs[i], options.signal, &err) == 0)
            continue;
        fprintf(stderr, "bpkill: %s\n", err.text);
        status = 1;
    }
    free(options.jobs);
    return status;
}
