/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.c - a small text file that a user names, line by line, so that errors tell where. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "tools/lines.h"
#include "tools/text.h"

/* Read to the end, so that a pipe will do as well: bash's <(bpstat --hostfile). */
static int read_all(int fd, char **ret_text, size_t *ret_length)
{
    size_t room = 65536, used = 0;
    auto_free char *text = bp_calloc(room + 1, 1);
    for (;;) {
        ssize_t got = read(fd, text + used, room - used);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > LINES_BYTES_MAX)
            return -EFBIG;
        if (used == room) {
            room *= 2;
            text = bp_realloc(text, room + 1, 1);
        }
    }
    text[used] = '\0';
    *ret_text = bp_take_ptr(text);
    *ret_length = used;
    return 0;
}

int lines_load(const char *path, char **ret_text, size_t *ret_length, struct bp_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? read_all(fd, ret_text, ret_length) : -errno;
    if (r == 0)
        return 0;
    auto_free char *plain = text_plain(path);
    return bp_error_set(err, r, "%.200s: %s", plain, strerror(-r));
}

/* Where the line at `next` ends; *ret_after: where the one after it begins. */
static const char *line_end(const struct lines *lines, const char **ret_after)
{
    const char *end = memchr(lines->next, '\n', (size_t)(lines->end - lines->next));
    *ret_after = end != NULL ? end + 1 : lines->end;
    if (end == NULL)
        end = lines->end;
    while (end > lines->next && end[-1] == '\r')
        end--;
    return end;
}

static int append_line(struct lines *lines, size_t keep, struct bp_error *err)
{
    const char *after, *end = line_end(lines, &after);
    size_t length = (size_t)(end - lines->next);
    lines->number++;
    if (memchr(lines->next, '\0', length) != NULL)
        return lines_refuse(lines, err, "this is not text");
    lines->line = bp_realloc(lines->line, keep + length + 1, 1);
    memcpy(lines->line + keep, lines->next, length);
    lines->line[keep + length] = '\0';
    lines->next = after;
    return 1;
}

int lines_next(struct lines *lines, struct bp_error *err)
{
    return lines->next < lines->end ? append_line(lines, 0, err) : 0;
}

int lines_join(struct lines *lines, struct bp_error *err)
{
    size_t keep = strlen(lines->line) - 1;
    lines->line[keep] = '\0';
    return lines->next < lines->end ? append_line(lines, keep, err) : 0;
}

void lines_done(struct lines *lines)
{
    free(lines->line);
    lines->line = NULL;
}

int lines_refuse(const struct lines *lines, struct bp_error *err, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    auto_free char *why = text_plain(text);
    auto_free char *name = text_plain(lines->name);
    if (lines->number == 0)
        return bp_error_set(err, -EINVAL, "%.100s: %s", name, why);
    return bp_error_set(err, -EINVAL, "%.100s:%u: %s", name, lines->number, why);
}

char *lines_word(char **text)
{
    char *word = *text + strspn(*text, " \t");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " \t");
    *text = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return word;
}
