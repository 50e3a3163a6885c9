/* SPDX-License-Identifier: BSD-3-Clause */
/* redirect.c - where the ranks' standard descriptors lead when it is not to the launcher's own. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/pattern.h"
#include "tools/redirect.h"

static const char *const names[] = {"input", "output", "error"};

/* 1 = a number of a rank. */
static int read_rank(const char *word, uint32_t *ret_rank)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || value > INT32_MAX)
        return 0;
    *ret_rank = (uint32_t)value;
    return 1;
}

/* srun's %J: the job and its step. */
static char *without_steps(const char *word)
{
    char *made = bp_calloc(3 * strlen(word) + 1, 1), *to = made;
    for (const char *p = word; *p != '\0'; p++) {
        if (strncmp(p, "%J", 2) == 0) {
            to = stpcpy(to, "%j.%s");
            p++;
        } else {
            *to++ = *p;
            if (*p == '%' && p[1] != '\0')
                *to++ = *++p;
        }
    }
    return made;
}

int redirect_set(struct redirect *redirect, int fd, const char *word, struct bp_error *err)
{
    struct redirect_end *end = &redirect->ends[fd];
    free(bp_take_ptr(end->name));
    end->said = 1;
    if (strcmp(word, "all") == 0) {
        end->kind = REDIRECT_OWN;
    } else if (strcmp(word, "none") == 0) {
        end->kind = REDIRECT_NONE;
    } else if (read_rank(word, &end->rank)) {
        end->kind = REDIRECT_RANK;
    } else if (word[0] == '\0') {
        return bp_error_set(err, -EINVAL, "--%s: an empty name", names[fd]);
    } else {
        end->name = without_steps(word);
        int r = bp_pattern_check(end->name, REDIRECT_LETTERS, err);
        if (r < 0)
            return bp_error_prefix(err, "--%s", names[fd]);
        int on_node = bp_pattern_has(end->name, REDIRECT_NODE_LETTERS);
        end->kind = on_node ? REDIRECT_NODE : REDIRECT_HERE;
    }
    return 0;
}

/* What is known here: user, program. */
static void expand_early(struct redirect_end *end, const Bpmix__JobRequest *request)
{
    const char *program = strrchr(request->argv[0], '/');
    const struct passwd *user = getpwuid(getuid());
    auto_free char *number = bp_format("%u", getuid());
    struct bp_pattern_value values[] = {
        {.letter = 'u', .text = user != NULL ? user->pw_name : number},
        {.letter = 'x', .text = program != NULL ? program + 1 : request->argv[0]},
        {.letter = 's', .number = 0}, /* srun's job step */
    };
    char *name = bp_pattern_expand(end->name, values, sizeof values / sizeof *values, 0);
    free(end->name);
    end->name = name;
}

static void add_row(struct redirect *redirect, int fd, Bpmix__JobRequest *request)
{
    const struct redirect_end *end = &redirect->ends[fd];
    Bpmix__OpenFile *row = &redirect->rows[fd];
    bpmix__open_file__init(row);
    row->fd = (uint32_t)fd;
    row->path = end->kind == REDIRECT_NONE ? (char *)"/dev/null" : end->name;
    row->flags = fd == STDIN_FILENO ? O_RDONLY : O_WRONLY;
    if (end->kind == REDIRECT_NODE) {
        row->pattern = 1;
        row->shared = !bp_pattern_has(end->name, "t");
        row->mode = 0666;
        if (fd != STDIN_FILENO)
            row->flags |= O_CREAT | (redirect->append ? O_APPEND : O_TRUNC);
    }
    redirect->list[request->n_files++] = row;
    request->files = redirect->list;
}

void redirect_settle(struct redirect *redirect, Bpmix__JobRequest *request)
{
    struct redirect_end *out = &redirect->ends[1], *err = &redirect->ends[2];
    if (!err->said || redirect->merge) {
        free(err->name);
        *err = *out;
        err->name = out->name != NULL ? bp_strdup(out->name) : NULL;
    }
    for (int fd = 0; fd < 3; fd++) {
        struct redirect_end *end = &redirect->ends[fd];
        if (end->name != NULL)
            expand_early(end, request);
        if (end->kind == REDIRECT_NODE || (end->kind == REDIRECT_NONE && fd != STDIN_FILENO))
            add_row(redirect, fd, request);
    }
}

static int open_one(struct redirect *redirect, int fd, uint64_t job, struct bp_error *err)
{
    struct redirect_end *end = &redirect->ends[fd];
    struct bp_pattern_value value = {.letter = 'j', .number = job};
    int truncate = redirect->append ? 0 : O_TRUNC; /* two names may be one file: always append */
    int flags = fd == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND | truncate;
    char *name = bp_pattern_expand(end->name, &value, 1, 1);
    free(end->name);
    end->name = name;
    end->fd = open(name, flags | O_CLOEXEC | O_NOCTTY, 0666);
    if (end->fd < 0)
        return bp_error_set(err, -errno, "--%s=%.200s: %s", names[fd], name, strerror(errno));
    return 0;
}

/* Where both are one file they have one place in it. */
static int shares(const struct redirect *redirect)
{
    const struct redirect_end *out = &redirect->ends[1], *err = &redirect->ends[2];
    return out->kind == REDIRECT_HERE && err->kind == REDIRECT_HERE &&
           strcmp(out->name, err->name) == 0;
}

int redirect_open(struct redirect *redirect, uint64_t job, struct bp_error *err)
{
    int shared = shares(redirect);
    for (int fd = 0; fd < 3; fd++) {
        struct redirect_end *end = &redirect->ends[fd];
        if (end->kind != REDIRECT_HERE || end->fd > 0 ||
            (job == 0 && bp_pattern_has(end->name, "j")))
            continue;
        int r = 0;
        if (fd == STDERR_FILENO && shared)
            end->fd = redirect->ends[1].fd;
        else
            r = open_one(redirect, fd, job, err);
        if (r < 0)
            return r;
        if (fd == STDIN_FILENO && dup2(end->fd, fd) < 0)
            return bp_error_set(err, -errno, "--input: %s", strerror(errno));
    }
    return 0;
}

int redirect_check(const struct redirect *redirect, uint32_t ranks, struct bp_error *err)
{
    for (int fd = 0; fd < 3; fd++) {
        const struct redirect_end *end = &redirect->ends[fd];
        if (end->kind == REDIRECT_RANK && end->rank >= ranks)
            return bp_error_set(err, -EINVAL, "--%s=%u: the job has %u rank%s", names[fd],
                                end->rank, ranks, ranks == 1 ? ", 0" : "s, from 0 on");
    }
    return 0;
}

void redirect_done(struct redirect *redirect)
{
    for (int fd = 0; fd < 3; fd++) {
        struct redirect_end *end = &redirect->ends[fd];
        if (end->fd > 0 && (fd < 2 || end->fd != redirect->ends[1].fd))
            close(end->fd);
        end->fd = 0;
        free(bp_take_ptr(end->name));
    }
}
