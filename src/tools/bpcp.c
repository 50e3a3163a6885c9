/* SPDX-License-Identifier: BSD-3-Clause */
/* bpcp.c - copy files and folders between the master and nodes.
 *
 * One process sends and one takes, a pipe between them. An end that is here does its work in that
 * process itself; for one on nodes it is the launcher of a job of bpcopy, whose stdin or stdout is
 * the pipe. Sources of several places are copied place by place. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "common/std.h"
#include "tools/copy.h"
#include "tools/run.h"
#include "tools/words.h"

struct place {
    char *nodes; /* NULL = here */
    char *path;  /* on a node: absolute */
};

struct options {
    struct copy_options copy;
    char **words;
    unsigned count;
};

struct pass { /* what comes from one place */
    const struct options *options;
    const struct place *sources, *destination;
    unsigned count;
};

static const struct argp_option rows[] = {
    {NULL, 'p', NULL, 0, "Keep modes and times", 0},
    {NULL, 'r', NULL, 0, "Copy folders and what is in them; links as links", 0},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 0},
    {NULL, 'v', NULL, 0, "Show the version and exit", 0},
    {NULL, '1', ":PATH", OPTION_HIDDEN, NULL, 0}, /* -1:/path, the master */
    {0}};

static void add_word(struct options *options, char *word)
{
    options->words = bp_realloc(options->words, options->count + 1, sizeof *options->words);
    options->words[options->count++] = word;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'p':
        options->copy.preserve = 1;
        return 0;
    case 'r':
        options->copy.recursive = 1;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case 'v':
        puts(argp_program_version);
        exit(0);
    case '1':
        add_word(options, bp_format("-1%s", arg));
        return 0;
    case ARGP_KEY_ARG:
        add_word(options, arg);
        return 0;
    case ARGP_KEY_END:
        if (options->count < 2)
            argp_error(state, "a source and a destination are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- places ---- */

/* "PATH" or "NODES:PATH"; a colon behind a slash belongs to the path. */
static int read_place(const char *word, int is_source, const char *cwd, struct place *ret_place,
                      struct bp_error *err)
{
    struct bp_nodeset set;
    size_t length = strcspn(word, ":/");
    *ret_place = (struct place){.path = bp_strdup(word)};
    if (word[length] != ':')
        return 0;
    auto_free char *nodes = bp_format("%.*s", (int)length, word);
    if (bp_nodeset_parse(nodes, NULL, 0, &set, err) < 0)
        return bp_error_prefix(err, "%s (a file of that name is ./%s)", word, word);
    size_t named = set.count;
    int here = named == 1 && set.numbers[0] == BP_NODE_MASTER;
    bp_nodeset_done(&set);
    if (is_source && named != 1)
        return bp_error_set(err, -EINVAL, "%s: a source is on one node, by its number", word);
    const char *path = word + length + 1;
    free(ret_place->path);
    ret_place->path = path[0] == '/' || here ? bp_strdup(*path != '\0' ? path : ".")
                                             : bp_format("%s/%s", cwd, path);
    ret_place->nodes = here ? NULL : bp_take_ptr(nodes);
    return 0;
}

static int same_nodes(const struct place *a, const struct place *b)
{
    return a->nodes == NULL || b->nodes == NULL ? a->nodes == b->nodes
                                                : strcmp(a->nodes, b->nodes) == 0;
}

/* ---- the two ends ---- */

static int run_on(const struct place *place, char *const *words, unsigned count, int one,
                  const struct pass *pass)
{
    const struct copy_options *copy = &pass->options->copy;
    struct run_policy policy = {.tool = "bpcp", .kill_wait_ms = 5000, .no_kill = 1,
                                .quiet_exits = 1, .stdin_rank = one ? -2 : -1};
    Bpmix__JobRequest request;
    Bpmix__Place where;
    Bpmix__Launcher launcher;
    char flags[8] = "-";
    auto_free char **argv = bp_calloc(count + 4, sizeof *argv);
    snprintf(flags, sizeof flags, "-%s%s%s", copy->recursive ? "r" : "", copy->preserve ? "p" : "",
             copy->folder ? "d" : "");
    argv[0] = (char *)BP_LIBEXECDIR "/bpcopy";
    argv[1] = (char *)(one ? "send" : "take");
    argv[2] = flags;
    memcpy(argv + 3, words, count * sizeof *argv);
    bp_job_request_init(&request, &where, &launcher, (int)count + 3, argv);
    free(request.cwd);
    request.cwd = bp_strdup("/");
    auto_free char *nodes = NULL;
    policy.local = word_master(place->nodes, &nodes);
    where.node_list = nodes;
    where.one_each = 1;
    where.bind_to = (char *)"none";
    request.stdin_rank = policy.stdin_rank;
    int status = run_job(&request, &policy);
    bp_job_request_done(&request);
    return status;
}

static int be_sender(const struct pass *pass)
{
    auto_free char **paths = bp_calloc(pass->count, sizeof *paths);
    for (unsigned i = 0; i < pass->count; i++)
        paths[i] = pass->sources[i].path;
    if (pass->sources->nodes != NULL)
        return run_on(pass->sources, paths, pass->count, 1, pass);
    signal(SIGPIPE, SIG_IGN);
    return copy_send(STDOUT_FILENO, paths, pass->count, &pass->options->copy) != 0;
}

static int be_taker(const struct pass *pass)
{
    struct copy_options copy = pass->options->copy;
    auto_free char **words = bp_calloc(pass->count + 1, sizeof *words);
    words[0] = pass->destination->path;
    for (unsigned i = 0; i < pass->count; i++)
        words[i + 1] = copy_base_name(pass->sources[i].path);
    copy.show &= pass->sources->nodes != NULL; /* else the sender shows it */
    int status = pass->destination->nodes != NULL
                     ? run_on(pass->destination, words, pass->count + 1, 0, pass)
                     : copy_take(STDIN_FILENO, words[0], words + 1, pass->count, &copy);
    for (unsigned i = 0; i < pass->count; i++)
        free(words[i + 1]);
    return status;
}

/* ---- processes ---- */

static pid_t ends[2]; /* sender and taker; 0 = none */

/* What the terminal sends comes to the ends by itself. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    for (int i = 0; info->si_code <= 0 && i < 2; i++)
        if (ends[i] > 0)
            kill(ends[i], signal);
}

static void pass_signals_on(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct sigaction old;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

/* A child with the pipe's end as its descriptor `as`. */
static pid_t start_end(const struct pass *pass, int (*be)(const struct pass *pass), int from,
                       int as, int other)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    for (int i = 0; i < 2; i++)
        ends[i] = 0;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct sigaction old;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) != 0)
            signal(signals[i], SIG_DFL);
    close(other);
    if (from != as) {
        dup2(from, as);
        close(from);
    }
    exit(be(pass));
}

static int end_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int copy(const struct pass *pass)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        fprintf(stderr, "bpcp: pipe: %s\n", strerror(errno));
        return 1;
    }
    ends[0] = start_end(pass, be_sender, pipes[1], STDOUT_FILENO, pipes[0]);
    ends[1] = start_end(pass, be_taker, pipes[0], STDIN_FILENO, pipes[1]);
    int failed = ends[0] < 0 || ends[1] < 0 ? errno : 0;
    close(pipes[0]);
    close(pipes[1]);
    int sent = ends[0] > 0 ? end_of(ends[0]) : 1;
    ends[0] = 0;
    int taken = ends[1] > 0 ? end_of(ends[1]) : 1;
    ends[1] = 0;
    if (failed != 0)
        fprintf(stderr, "bpcp: fork: %s\n", strerror(failed));
    return sent > taken ? sent : taken;
}

static int copy_all(struct options *options, const struct place *places)
{
    const struct place *destination = &places[options->count - 1];
    int status = 0;
    options->copy.folder = options->count > 2;
    options->copy.show = isatty(STDERR_FILENO);
    for (unsigned i = 0; i + 1 < options->count;) {
        struct pass pass = {.options = options, .sources = &places[i], .destination = destination};
        while (i + 1 < options->count && same_nodes(pass.sources, &places[i])) {
            pass.count++;
            i++;
        }
        int now = copy(&pass);
        status = now > status ? now : status;
        if (now >= 128) /* it was told to end */
            break;
    }
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "[NODE:]FILE... [NODES:]DESTINATION",
        "bpcp - copy files between the master and nodes. NODES: 3 or 0-3,7 or n0,n2 or allup.\v"
        "A file is there as a whole or not at all. A file here whose name has a colon: ./NAME.",
        NULL, NULL, NULL};
    argp_program_version = "bpcp (bpmix) " BP_VERSION;
    struct options options = {.count = 0};
    struct bp_error err = {0};
    bp_std_open();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options); /* -1:/path is a word */
    char *cwd = getcwd(NULL, 0);
    struct place *places = bp_calloc(options.count, sizeof *places);
    for (unsigned i = 0; i < options.count; i++) {
        int is_source = i + 1 < options.count;
        if (read_place(options.words[i], is_source, cwd != NULL ? cwd : "", &places[i], &err) < 0) {
            fprintf(stderr, "bpcp: %s\n", err.text);
            return EX_USAGE;
        }
    }
    pass_signals_on();
    return copy_all(&options, places);
}
