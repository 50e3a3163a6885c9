/* SPDX-License-Identifier: BSD-3-Clause */
/* life_options.c - bprun's options about how a job lives and ends. */
#include <string.h>

#include "common/mem.h"
#include "tools/life_options.h"
#include "tools/words.h"

enum { OPT_NO_KILL = 256, OPT_KILL_WAIT, OPT_STATUS, OPT_SIGNAL };

#define WAIT_MAX_S (100u * 365 * 86400)
#define WARN_S     60 /* as srun */

static const struct argp_option rows[] = {
    {"time", 't', "TIME", 0,
     "End the job after minutes, minutes:seconds, days-hours... (exit status 124)", 0},
    {"signal", OPT_SIGNAL, "SIGNAL[@SECONDS]", 0,
     "So long before the time is over, send this signal to the ranks (60)", 0},
    {"wait", 'W', "SECONDS", 0,
     "So long after the first rank ended, end the others (0 = never; exit status 124)", 0},
    {"kill-on-bad-exit", 'K', "0|1", OPTION_ARG_OPTIONAL,
     "A failing rank ends the others (1, the default), or does not (0)", 0},
    {"no-kill", OPT_NO_KILL, NULL, 0, "The same as -K0", 0},
    {"kill-wait", OPT_KILL_WAIT, "SECONDS", 0, "From the polite signal to SIGKILL (5)", 0},
    {"status", OPT_STATUS, "json[:FILE]", 0, "Tell the end of every rank, on stderr or in FILE",
     0},
    {"verbose", 'v', NULL, 0, "Tell the steps with their times; twice: of each rank, too", 0},
    {"quiet", 'Q', NULL, 0, "Tell only what went wrong", 0},
    {0}};

static const char *parse_status(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "json") == 0)
        return "";
    if (strncmp(arg, "json:", 5) != 0 || arg[5] == '\0')
        argp_error(state, "--status takes json or json:FILE, not \"%s\"", arg);
    return arg + 5;
}

static void parse_signal(struct argp_state *state, const char *arg, struct run_policy *policy)
{
    auto_free char *name = bp_strdup(arg);
    char *at = strchr(name, '@');
    policy->warn_s = WARN_S;
    if (at != NULL) {
        *at = '\0';
        policy->warn_s = word_number(state, "--signal", at + 1, 0, WAIT_MAX_S);
    }
    policy->warn_signal = word_signal(name);
    if (policy->warn_signal < 1)
        argp_error(state, "--signal: there is no signal \"%s\"", name);
}

static int parse_time(struct life_options *options, const struct said *said)
{
    struct run_policy *policy = options->policy;
    switch (said->key) {
    case 't':
        policy->limit_s = word_time(said->state, "-t", said->arg);
        claims_add_number(options->claims, FACT_TIME, said, policy->limit_s);
        return 0;
    case 'W':
        policy->wait_s = word_number(said->state, "-W", said->arg, 0, WAIT_MAX_S);
        claims_add_number(options->claims, FACT_SELF, said, policy->wait_s);
        return 0;
    case OPT_KILL_WAIT:
        policy->kill_wait_ms = 1000 * word_number(said->state, "--kill-wait", said->arg, 0, 86400);
        claims_add_number(options->claims, FACT_SELF, said, policy->kill_wait_ms);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_zero(const struct said *said)
{
    return said->arg != NULL && word_number(said->state, "-K", said->arg, 0, 1) == 0;
}

static int parse_rest(struct life_options *options, const struct said *said)
{
    struct run_policy *policy = options->policy;
    switch (said->key) {
    case OPT_SIGNAL:
        claims_add(options->claims, FACT_SELF, said, said->arg);
        parse_signal(said->state, said->arg, policy);
        return 0;
    case 'v':
        policy->verbose++;
        return 0;
    case 'Q':
        policy->quiet = 1;
        return 0;
    case 'K':
    case OPT_NO_KILL:
        policy->no_kill = said->key == OPT_NO_KILL || parse_zero(said);
        claims_add(options->claims, FACT_KILL, said, policy->no_kill ? "no" : "yes");
        return 0;
    case OPT_STATUS:
        claims_add(options->claims, FACT_SELF, said, said->arg);
        policy->status = parse_status(said->state, said->arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct life_options *options = state->input;
    struct said said;
    if (!said_is_option(key))
        return ARGP_ERR_UNKNOWN;
    said_init(&said, state, rows, key, arg);
    claims_job(options->claims, &said);
    int r = parse_time(options, &said);
    return r == 0 ? 0 : parse_rest(options, &said);
}

const struct argp life_argp = {.options = rows, .parser = parse};
