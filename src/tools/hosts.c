/* SPDX-License-Identifier: BSD-3-Clause */
/* hosts.c - the nodes of --host and of host files, in the user's order, with their slots. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "tools/hosts.h"
#include "tools/lines.h"
#include "tools/words.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

int host_is_word(const char *word)
{
    struct bp_nodeset set;
    size_t length = strlen(word);
    if (length == 0 || length > HOST_BYTES_MAX || word[0] == '-')
        return 0;
    if (word[strspn(word, NAME_CHARACTERS)] == '\0')
        return 1; /* whether there is such a host is bpmaster's to say */
    if (bp_nodeset_parse(word, NULL, 0, &set, NULL) < 0)
        return 0;
    bp_nodeset_done(&set);
    return 1;
}

int hosts_add(struct hosts *hosts, const char *node, uint32_t slots, struct bp_error *err)
{
    if (hosts->count == HOSTS_MAX)
        return bp_error_set(err, -E2BIG, "more than %d nodes", HOSTS_MAX);
    if ((hosts->count & (hosts->count - 1)) == 0) /* full: room for twice as many */
        hosts->rows = bp_realloc(hosts->rows, hosts->count > 0 ? 2 * hosts->count : 1,
                                 sizeof *hosts->rows);
    hosts->rows[hosts->count++] = (struct host){.node = bp_strdup(node), .slots = slots};
    return 0;
}

static int read_slots(const char *text, uint32_t *ret_slots)
{
    if (strcmp(text, "*") == 0 || strcmp(text, "auto") == 0) {
        *ret_slots = 0;
        return 0;
    }
    return word_value(text, 1, HOST_SLOTS_MAX, ret_slots);
}

/* "n0:4" or "n[0-3]"; slots: if none are said. */
static int add_part(struct hosts *hosts, char *part, uint32_t slots, struct bp_error *err)
{
    char *colon = strchr(part, ':');
    if (colon != NULL) {
        *colon = '\0';
        if (read_slots(colon + 1, &slots) < 0)
            return bp_error_set(err, -EINVAL, "\"%.64s\": slots are a number from 1 to %d, or *",
                                colon + 1, HOST_SLOTS_MAX);
    }
    if (!host_is_word(part))
        return bp_error_set(err, -EINVAL, "\"%.64s\" is not a node: n0, 0-3, n[0-3,7] or a "
                            "host's name", part);
    return hosts_add(hosts, part, slots, err);
}

static int add_list(struct hosts *hosts, const char *text, uint32_t slots, struct bp_error *err)
{
    auto_free char *copy = bp_strdup(text);
    for (char *part = copy;;) {
        char *end = part + strcspn(part, ",[");
        if (*end == '[') /* commas in brackets do not part */
            end += strcspn(end, "]");
        end += strcspn(end, ",");
        int last = *end == '\0';
        *end = '\0';
        int r = add_part(hosts, part, slots, err);
        if (r < 0 || last)
            return r;
        part = end + 1;
    }
}

int hosts_add_words(struct hosts *hosts, const char *text, struct bp_error *err)
{
    return add_list(hosts, text, 1, err);
}

static int check_most(const struct lines *lines, const struct hosts *hosts, size_t first,
                      struct bp_error *err)
{
    for (size_t i = first; i < hosts->count; i++)
        if (hosts->rows[i].most > 0 && hosts->rows[i].slots > hosts->rows[i].most)
            return lines_refuse(lines, err, "%u slots are more than max-slots=%u",
                                hosts->rows[i].slots, hosts->rows[i].most);
    return 0;
}

/* What stands behind the nodes of a line, for each of those from `first` on. */
static int read_attributes(struct lines *lines, char *rest, struct hosts *hosts, size_t first,
                           struct bp_error *err)
{
    for (char *word; (word = lines_word(&rest)) != NULL;) {
        uint32_t slots;
        char *value = strchr(word, '=');
        if (value == NULL)
            return lines_refuse(lines, err, "\"%.64s\" is not understood behind the node (slots=N "
                                "is)", word);
        *value++ = '\0';
        int most = strcmp(word, "max-slots") == 0 || strcmp(word, "max_slots") == 0;
        if (!most && strcmp(word, "slots") != 0)
            return lines_refuse(lines, err, "\"%.64s=\" is not understood (slots=N and "
                                "max-slots=N are)", word);
        int r = most ? word_value(value, 1, HOST_SLOTS_MAX, &slots) : read_slots(value, &slots);
        if (r < 0)
            return lines_refuse(lines, err, "%s are a number from 1 to %d, not \"%.64s\"", word,
                                HOST_SLOTS_MAX, value);
        for (size_t i = first; i < hosts->count; i++)
            *(most ? &hosts->rows[i].most : &hosts->rows[i].slots) = slots;
    }
    return check_most(lines, hosts, first, err);
}

static int read_line(struct hosts *hosts, struct lines *lines, struct bp_error *err)
{
    struct bp_error why = {0};
    size_t first = hosts->count;
    char *rest = lines->line;
    rest[strcspn(rest, "#")] = '\0';
    char *word = lines_word(&rest);
    if (word == NULL)
        return 0;
    size_t length = strlen(word);
    if (word[length - 1] == ',') /* a list that goes on in the next line */
        word[length - 1] = '\0';
    if (add_list(hosts, word, 0, &why) < 0)
        return lines_refuse(lines, err, "%s", why.text);
    return read_attributes(lines, rest, hosts, first, err);
}

int hosts_add_file(struct hosts *hosts, const char *name, const char *text, size_t length,
                   struct bp_error *err)
{
    struct lines lines = {.name = name, .next = text, .end = text + length};
    size_t before = hosts->count;
    int r;
    while ((r = lines_next(&lines, err)) > 0) {
        r = read_line(hosts, &lines, err);
        if (r < 0)
            break;
    }
    lines.number = 0;
    if (r == 0 && hosts->count == before)
        r = lines_refuse(&lines, err, "no node is named in this file");
    lines_done(&lines);
    return r;
}

void hosts_done(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->rows[i].node);
    free(hosts->rows);
    *hosts = (struct hosts){0};
}
