/* SPDX-License-Identifier: BSD-3-Clause */
/* multiprog.c - srun's file of programs: which ranks run what. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "tools/apps.h"
#include "tools/lines.h"
#include "tools/words.h"

struct multiprog {
    struct apps *apps;
    struct lines lines;
    uint32_t ranks;   /* of the job; 0 = as many as are named */
    uint32_t *owners; /* by rank: the line that names it, 0 = none */
    uint32_t top;     /* the highest rank named, and one */
    size_t rest;      /* the program of *, and one */
};

/* ---- the words of a line ---- */

struct word { /* being put together */
    char *text;
    size_t length;
    int begun, expands;
};

/* A % that means itself is doubled, as the node takes %t and %o apart. */
static void put(struct word *word, char c, int plain)
{
    word->begun = 1;
    if (c == '%' && plain)
        word->text[word->length++] = '%';
    word->text[word->length++] = c;
}

static void finish_word(struct word *word, struct app *app)
{
    if (!word->begun)
        return;
    word->text[word->length] = '\0';
    app->expand |= memchr(word->text, '%', word->length) != NULL;
    app_add_word(app, word->text);
    word->length = 0;
    word->begun = 0;
}

static int is_expansion(const char *p)
{
    return p[0] == '%' && (p[1] == 't' || p[1] == 'o');
}

/* Program and arguments, taken apart as a shell would. */
static int split_words(struct multiprog *file, struct app *app, const char *p,
                       struct bp_error *err)
{
    struct word word = {.text = bp_calloc(2 * strlen(p) + 1, 1)};
    auto_free char *text = word.text;
    char quote = '\0';
    for (; *p != '\0'; p++) {
        if (*p == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*p == '"' || *p == '\'')) {
            quote = *p;
            word.begun = 1; /* even if nothing stands between them */
        } else if (quote == '\0' && (*p == ' ' || *p == '\t')) {
            finish_word(&word, app);
        } else if (*p == '\\' && quote != '\'' && p[1] != '\0') {
            put(&word, *++p, 1);
        } else {
            put(&word, *p, quote == '\'' || !is_expansion(p));
        }
    }
    (void)text;
    if (quote != '\0')
        return lines_refuse(&file->lines, err, "a quote (%c) is not closed", quote);
    finish_word(&word, app);
    return 0;
}

/* ---- the ranks of a line ---- */

static int claim(struct multiprog *file, uint32_t rank, struct bp_error *err)
{
    if (file->ranks > 0 && rank >= file->ranks)
        return lines_refuse(&file->lines, err, "rank %u is not of this job: -n %u", rank,
                            file->ranks);
    if (file->owners[rank] != 0)
        return lines_refuse(&file->lines, err, "rank %u has a program already, in line %u", rank,
                            file->owners[rank]);
    file->owners[rank] = file->lines.number;
    if (rank >= file->top)
        file->top = rank + 1;
    return 0;
}

/* "4" or "0-3" */
static int read_range(struct multiprog *file, struct app *app, char *part, struct bp_error *err)
{
    uint32_t first, last;
    char *dash = strchr(part, '-');
    if (dash != NULL)
        *dash = '\0';
    int r = word_value(part, 0, APP_RANKS_MAX - 1, &first);
    last = first;
    if (r == 0 && dash != NULL)
        r = word_value(dash + 1, 0, APP_RANKS_MAX - 1, &last);
    if (dash != NULL)
        *dash = '-';
    if (r < 0)
        return lines_refuse(&file->lines, err, "\"%.64s\" are no ranks: 4, 0-3, joined by commas, "
                            "or *", part);
    if (last < first)
        return lines_refuse(&file->lines, err, "%.64s runs backwards", part);
    for (uint32_t rank = first; r == 0 && rank <= last; rank++)
        r = claim(file, rank, err);
    app_add_range(app, first, last - first + 1);
    return r;
}

static int read_ranks(struct multiprog *file, struct app *app, char *text, struct bp_error *err)
{
    if (strcmp(text, "*") == 0) {
        if (file->rest > 0)
            return lines_refuse(&file->lines, err, "a line for the remaining ranks (*) is there "
                                "already");
        file->rest = file->apps->count;
        return 0;
    }
    int r = 0;
    for (char *part = text; r == 0 && part != NULL;) {
        char *comma = strchr(part, ',');
        if (comma != NULL)
            *comma++ = '\0';
        r = read_range(file, app, part, err);
        part = comma;
    }
    return r;
}

/* ---- the file ---- */

static int ends_in_backslash(const char *line)
{
    size_t length = strlen(line), count = 0;
    while (count < length && line[length - 1 - count] == '\\')
        count++;
    return count % 2 == 1;
}

static int read_line(struct multiprog *file, struct bp_error *err)
{
    int r = 1;
    while (r > 0 && ends_in_backslash(file->lines.line))
        r = lines_join(&file->lines, err);
    if (r < 0)
        return r;
    char *rest = file->lines.line;
    if (rest[strspn(rest, " \t")] == '#')
        return 0;
    char *ranks = lines_word(&rest);
    if (ranks == NULL)
        return 0;
    struct app *app = apps_add(file->apps);
    if (app == NULL)
        return lines_refuse(&file->lines, err, "more than %d programs", APPS_MAX);
    r = read_ranks(file, app, ranks, err);
    if (r == 0)
        r = split_words(file, app, rest, err);
    if (r == 0 && (app->argc == 0 || app->argv[0][0] == '\0'))
        r = lines_refuse(&file->lines, err, "the program is missing: a line is RANKS PROGRAM "
                         "[ARGUMENT...]");
    return r;
}

/* Those that no line names go to *'s program, in runs. */
static int give_rest(struct multiprog *file, struct bp_error *err)
{
    uint32_t ranks = file->ranks > 0 ? file->ranks : file->top;
    if (file->rest > 0 && file->ranks == 0)
        return lines_refuse(&file->lines, err, "* means the remaining ranks: -n says how many "
                            "there are");
    for (uint32_t rank = 0; rank < ranks; rank++) {
        if (file->owners[rank] != 0)
            continue;
        if (file->rest == 0)
            return lines_refuse(&file->lines, err, "rank %u has no program", rank);
        uint32_t first = rank;
        while (rank < ranks && file->owners[rank] == 0)
            rank++;
        app_add_range(&file->apps->rows[file->rest - 1], first, rank - first);
    }
    file->apps->ranks = ranks;
    return 0;
}

static int check_used(struct multiprog *file, struct bp_error *err)
{
    for (size_t i = 0; i < file->apps->count; i++)
        if (file->apps->rows[i].ranks == 0)
            return lines_refuse(&file->lines, err, "no rank is left for program %.64s (*)",
                                file->apps->rows[i].argv[0]);
    file->lines.number = 0;
    if (file->apps->count == 0)
        return lines_refuse(&file->lines, err, "no program is named in this file");
    return 0;
}

int multiprog_read(struct apps *apps, const char *name, const char *text, size_t length,
                   uint32_t ranks, struct bp_error *err)
{
    auto_free uint32_t *owners = bp_calloc(APP_RANKS_MAX, sizeof *owners);
    struct multiprog file = {.apps = apps, .ranks = ranks, .owners = owners,
                             .lines = {.name = name, .next = text, .end = text + length}};
    int r;
    while ((r = lines_next(&file.lines, err)) > 0) {
        r = read_line(&file, err);
        if (r < 0)
            break;
    }
    if (r == 0)
        r = give_rest(&file, err);
    if (r == 0)
        r = check_used(&file, err);
    lines_done(&file.lines);
    return r;
}
