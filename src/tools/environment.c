/* SPDX-License-Identifier: BSD-3-Clause */
/* environment.c - the variables that ranks get: the caller's, or some of them, and new ones. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "tools/environment.h"

int environment_add(struct environment *environment, const char *variable, struct bp_error *err)
{
    if (variable[0] == '\0' || variable[0] == '=')
        return bp_error_set(err, -EINVAL, "\"%.100s\" is no NAME or NAME=VALUE", variable);
    environment->said =
        bp_realloc(environment->said, environment->count + 1, sizeof *environment->said);
    environment->said[environment->count++] = bp_strdup(variable);
    return 0;
}

int environment_export(struct environment *environment, const char *list, struct bp_error *err)
{
    auto_free char *copy = bp_strdup(list);
    char *rest = copy;
    int r = 0, all = 0;
    for (char *word; r == 0 && (word = strsep(&rest, ",")) != NULL;) {
        if (strcmp(word, "ALL") == 0)
            all = 1;
        else if (strcmp(word, "NONE") != 0 && strcmp(word, "NIL") != 0)
            r = environment_add(environment, word, err);
    }
    environment->is_named_only = !all;
    return r;
}

void environment_take(struct environment *environment, struct environment *from)
{
    size_t count = environment->count + from->count;
    if (from->count == 0)
        return;
    environment->said = bp_realloc(environment->said, count, sizeof *environment->said);
    memcpy(environment->said + environment->count, from->said, from->count * sizeof *from->said);
    environment->count = count;
    free(from->said);
    *from = (struct environment){0};
}

/* The length of a variable's name. */
static size_t name_length(const char *variable)
{
    return strcspn(variable, "=");
}

static int is_named(const char *variable, const char *name, size_t length)
{
    return name_length(variable) == length && strncmp(variable, name, length) == 0;
}

static char *find(char *const *variables, const char *name, size_t length)
{
    for (; *variables != NULL; variables++)
        if (is_named(*variables, name, length))
            return *variables;
    return NULL;
}

static int is_base(const char *variable)
{
    for (const char *word = ENVIRONMENT_BASE; *word != '\0';) {
        size_t length = strcspn(word, " ");
        if (is_named(variable, word, length))
            return 1;
        word += length + (word[length] == ' ');
    }
    return 0;
}

/* What is said last counts. */
static void put(char **vector, size_t *count, char *variable)
{
    size_t length = name_length(variable);
    for (size_t i = 0; i < *count; i++)
        if (is_named(vector[i], variable, length)) {
            vector[i] = variable;
            return;
        }
    vector[(*count)++] = variable;
}

int environment_has(const struct environment *environment, const char *name)
{
    for (size_t i = 0; i < environment->count; i++)
        if (is_named(environment->said[i], name, strlen(name)) &&
            strchr(environment->said[i], '=') != NULL)
            return 1;
    return 0;
}

const char *environment_missing(const struct environment *environment, char *const *callers)
{
    for (size_t i = 0; i < environment->count; i++) {
        const char *said = environment->said[i];
        if (strchr(said, '=') == NULL && find(callers, said, strlen(said)) == NULL)
            return said;
    }
    return NULL;
}

char **environment_make(const struct environment *environment, char *const *callers,
                        size_t *ret_count)
{
    size_t most = environment->count, count = 0;
    for (char *const *p = callers; *p != NULL; p++)
        most++;
    char **vector = bp_calloc(most + 1, sizeof *vector);
    for (char *const *p = callers; *p != NULL; p++)
        if (!environment->is_named_only || is_base(*p))
            vector[count++] = *p;
    for (size_t i = 0; i < environment->count; i++) {
        char *said = environment->said[i];
        char *variable = strchr(said, '=') != NULL ? said : find(callers, said, strlen(said));
        if (variable != NULL)
            put(vector, &count, variable);
    }
    *ret_count = count;
    return vector;
}

void environment_done(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        free(environment->said[i]);
    free(environment->said);
    *environment = (struct environment){0};
}
