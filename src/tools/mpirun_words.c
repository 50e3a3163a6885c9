/* SPDX-License-Identifier: BSD-3-Clause */
/* mpirun_words.c - the values of mpirun's options about variables and output. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/mpirun_options.h"

void mpirun_add_variable(struct environment *environment, const struct said *said,
                         const char *variable)
{
    struct bp_error err = {0};
    if (environment_add(environment, variable, &err) < 0)
        said_wrong(said, &err);
}

void mpirun_set_variable(struct environment *environment, const struct said *said,
                         const char *prefix)
{
    struct argp_state *state = said->state;
    if (state->next >= state->argc || strpbrk(said->arg, "= ") != NULL)
        argp_error(state, "%s takes a name and a value", said->name);
    auto_free char *variable = bp_format("%s%s=%s", prefix, said->arg, state->argv[state->next++]);
    mpirun_add_variable(environment, said, variable);
}

static void put_first(struct environment *environment, const struct said *said, const char *name,
                      const char *folder)
{
    const char *rest = getenv(name);
    int goes_on = rest != NULL && rest[0] != '\0';
    auto_free char *variable = bp_format("%s=%s/%s%s%s", name, said->arg, folder,
                                         goes_on ? ":" : "", goes_on ? rest : "");
    mpirun_add_variable(environment, said, variable);
}

void mpirun_set_prefix(struct environment *environment, const struct said *said)
{
    if (said->arg[0] != '/')
        argp_error(said->state, "%s takes a folder's whole name, from / on", said->name);
    put_first(environment, said, "PATH", "bin");
    put_first(environment, said, "LD_LIBRARY_PATH", "lib");
}

/* A file for each rank. Open MPI's words behind the name ask for what is done anyhow. */
static int set_file(struct mpirun_options *options, const struct said *said, const char *name,
                    struct bp_error *err)
{
    static const char *const anyhow[] = {":nocopy", ":nojobid"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof anyhow / sizeof *anyhow; i++) {
        size_t less = strlen(anyhow[i]);
        if (length > less && strcmp(name + length - less, anyhow[i]) == 0)
            length -= less;
    }
    auto_free char *pattern = bp_format("%.*s.%%t", (int)length, name);
    claims_add(options->claims, FACT_SELF, said, pattern);
    return redirect_set(&options->io->redirect, 1, pattern, err);
}

/* 1 = it is a word that stands alone. */
static int set_style(struct io_options *io, const char *word)
{
    if (strcmp(word, "tag") == 0 || strncmp(word, "tag-", 4) == 0)
        io->label = 1;
    else if (strcmp(word, "timestamp") == 0)
        io->stamp = 1;
    else if (strcmp(word, "merge-stderr-to-stdout") == 0 || strcmp(word, "merge") == 0)
        io->redirect.merge = 1;
    else
        return 0;
    return 1;
}

void mpirun_set_output(struct mpirun_options *options, const struct said *said)
{
    auto_free char *copy = bp_strdup(said->arg);
    char *rest = copy;
    struct bp_error err = {0};
    int r = 0;
    for (const char *word; r == 0 && (word = strsep(&rest, ",")) != NULL;) {
        if (strncmp(word, "file=", 5) == 0 && word[5] != '\0')
            r = set_file(options, said, word + 5, &err);
        else if (!set_style(options->io, word))
            argp_error(said->state, "%s: \"%s\" is not one of tag, timestamp, "
                       "merge-stderr-to-stdout, file=NAME", said->name, word);
    }
    if (r < 0)
        said_wrong(said, &err);
}
