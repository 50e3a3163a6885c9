/* SPDX-License-Identifier: BSD-3-Clause */
/* rankfile.c - a file that says for each rank its node and its CPUs, as Open MPI has it. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "tools/hosts.h"
#include "tools/lines.h"
#include "tools/rankfile.h"
#include "tools/words.h"

/* Numbers and ranges joined by commas. */
static int is_list(const char *text)
{
    for (;;) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 5)
            return 0;
        text += digits;
        if (*text == '-') {
            digits = strspn(++text, "0123456789");
            if (digits == 0 || digits > 5)
                return 0;
            text += digits;
        }
        if (*text == '\0')
            return 1;
        if (*text++ != ',')
            return 0;
    }
}

static int is_slots(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits < 6 && text[digits] == ':')
        text += digits + 1;
    return is_list(text);
}

/* Blanks round "=" and behind "rank" do not matter: without those the line is "0=n1slot=2" and
 * cannot be read, so they become one kind of blank. */
static char *take(char **rest, const char *ends)
{
    char *word = *rest + strspn(*rest, " \t");
    char *end = word + strcspn(word, ends);
    char *next = end + strspn(end, " \t");
    int equals = *next == '=';
    if (*end != '\0' && !equals)
        next = end + 1;
    *rest = equals ? next + 1 : next;
    *end = '\0';
    return word;
}

static struct rankfile_row *row_of(struct rankfile *file, uint32_t rank)
{
    if (rank >= file->count) {
        file->rows = bp_realloc(file->rows, rank + 1, sizeof *file->rows);
        memset(file->rows + file->count, 0, (rank + 1 - file->count) * sizeof *file->rows);
        file->count = rank + 1;
    }
    return &file->rows[rank];
}

static int read_row(struct rankfile *file, const struct lines *lines, char *rest,
                    struct bp_error *err)
{
    static const char form[] = "a line is: rank N=NODE slot=CPUS";
    uint32_t rank;
    if (strcmp(take(&rest, " \t"), "rank") != 0)
        return lines_refuse(lines, err, "%s", form);
    const char *number = take(&rest, " \t="), *node = take(&rest, " \t");
    const char *key = take(&rest, " \t="), *slots = take(&rest, " \t");
    if (word_value(number, 0, RANKFILE_RANKS_MAX - 1, &rank) < 0)
        return lines_refuse(lines, err, "\"%.64s\" is not a rank; %s", number, form);
    if (!host_is_word(node))
        return lines_refuse(lines, err, "\"%.64s\" is not a node; %s", node, form);
    if (strcmp(key, "slot") != 0 && strcmp(key, "slots") != 0)
        return lines_refuse(lines, err, "\"slot=\" is missing; %s", form);
    if (rest[strspn(rest, " \t")] != '\0')
        return lines_refuse(lines, err, "\"%.64s\" is too much; %s", rest, form);
    if (strcmp(slots, "*") == 0)
        slots = "";
    else if (!is_slots(slots))
        return lines_refuse(lines, err, "slot \"%.64s\": CPUs (0-3,6), cores of a package (1:0-2) "
                            "or *", slots);
    struct rankfile_row *row = row_of(file, rank);
    if (row->line != 0)
        return lines_refuse(lines, err, "rank %u has a line already, %u", rank, row->line);
    *row = (struct rankfile_row){.node = bp_strdup(node), .slots = bp_strdup(slots),
                                 .line = lines->number};
    return 0;
}

static int read_line(struct rankfile *file, struct lines *lines, struct bp_error *err)
{
    lines->line[strcspn(lines->line, "#")] = '\0';
    if (lines->line[strspn(lines->line, " \t")] == '\0')
        return 0;
    return read_row(file, lines, lines->line, err);
}

int rankfile_read(struct rankfile *file, const char *name, const char *text, size_t length,
                  struct bp_error *err)
{
    struct lines lines = {.name = name, .next = text, .end = text + length};
    int r;
    while ((r = lines_next(&lines, err)) > 0) {
        r = read_line(file, &lines, err);
        if (r < 0)
            break;
    }
    for (size_t i = 0; r == 0 && i < file->count; i++)
        if (file->rows[i].line == 0)
            r = lines_refuse(&lines, err, "rank %zu has no line", i);
    lines.number = 0;
    if (r == 0 && file->count == 0)
        r = lines_refuse(&lines, err, "no rank is named in this file");
    lines_done(&lines);
    return r;
}

void rankfile_done(struct rankfile *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->rows[i].node);
        free(file->rows[i].slots);
    }
    free(file->rows);
    *file = (struct rankfile){0};
}
