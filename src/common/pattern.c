/* SPDX-License-Identifier: BSD-3-Clause */
/* pattern.c - names with letters that stand for a rank, a node, a job. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/pattern.h"

struct word { /* a % and what belongs to it */
    size_t length; /* 0 = it is none */
    int width;
    char letter; /* '%' for "%%" */
};

static struct word read_word(const char *text)
{
    const char *p = text + 1;
    int width = 0;
    while (*p >= '0' && *p <= '9' && width <= BP_PATTERN_WIDTH_MAX)
        width = 10 * width + *p++ - '0';
    if (*p == '\0' || (*p >= '0' && *p <= '9') || width > BP_PATTERN_WIDTH_MAX)
        return (struct word){.length = 0};
    return (struct word){.length = (size_t)(p - text) + 1, .width = width, .letter = *p};
}

int bp_pattern_has(const char *text, const char *letters)
{
    for (const char *p = strchr(text, '%'); p != NULL; p = strchr(p, '%')) {
        struct word word = read_word(p);
        if (word.length > 0 && word.letter != '%' && strchr(letters, word.letter) != NULL)
            return 1;
        p += word.length > 0 ? word.length : 1;
    }
    return 0;
}

int bp_pattern_check(const char *text, const char *letters, struct bp_error *err)
{
    for (const char *p = strchr(text, '%'); p != NULL; p = strchr(p, '%')) {
        struct word word = read_word(p);
        if (word.length == 0 || (word.letter == '%' ? word.length > 2
                                                    : strchr(letters, word.letter) == NULL))
            return bp_error_set(err, -EINVAL, "\"%.100s\" in \"%.100s\": %% goes with one of the "
                                "letters %s, a width up to %d before it, or is written %%%%",
                                p, text, letters, BP_PATTERN_WIDTH_MAX);
        p += word.length;
    }
    return 0;
}

static const struct bp_pattern_value *find(const struct bp_pattern_value *values, size_t count,
                                           char letter)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].letter == letter)
            return &values[i];
    return NULL;
}

/* A text that has a % itself must not be taken for a pattern the next time. */
static void put_text(FILE *stream, const char *text, int is_last)
{
    for (; *text != '\0'; text++)
        fputs(*text == '%' && !is_last ? "%%" : (char[]){*text, '\0'}, stream);
}

static void put_word(FILE *stream, const char *text, const struct word *word,
                     const struct bp_pattern_value *value, int is_last)
{
    if (word->letter == '%' && word->length == 2 && is_last)
        fputc('%', stream);
    else if (value == NULL)
        fwrite(text, 1, word->length, stream);
    else if (value->text != NULL)
        put_text(stream, value->text, is_last);
    else
        fprintf(stream, "%0*llu", word->width, (unsigned long long)value->number);
}

char *bp_pattern_expand(const char *text, const struct bp_pattern_value *values, size_t count,
                        int is_last)
{
    char *made = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&made, &size);
    if (stream == NULL)
        abort();
    while (*text != '\0') {
        struct word word = *text == '%' ? read_word(text) : (struct word){.length = 0};
        if (word.length > 0)
            put_word(stream, text, &word, find(values, count, word.letter), is_last);
        else
            fputc(*text, stream);
        text += word.length > 0 ? word.length : 1;
    }
    if (fclose(stream) != 0)
        abort();
    return made;
}
