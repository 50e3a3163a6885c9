/* SPDX-License-Identifier: BSD-3-Clause */
/* node_rows.c - nodes as text: tables, single columns, JSON. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/cpu.h"
#include "common/mem.h"
#include "common/nodeset.h"
#include "tools/node_rows.h"
#include "tools/text.h"

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void print_table(const struct listing *listing)
{
    printf("%-8s %-11s %6s %6s %6s %5s  %-15s %s\n", "NODE", "STATE", "CORES", "CPUS", "USED",
           "JOBS", "ADDRESS", "KERNEL");
    for (size_t i = 0; i < listing->count; i++) {
        const Bpmix__Node *n = listing->rows[i];
        printf("%-8s %-11s %6u %6u %6u %5u  %-15s %s\n", n->name, n->state, n->cores, n->threads,
               n->used, n->jobs, or_dash(n->address), or_dash(n->release));
    }
}

/* ---- who may use it ---- */

static const char *mode_text(uint32_t mode, char text[11])
{
    strcpy(text, "----------");
    for (unsigned i = 0; i < 3; i++)
        if (mode & (0100u >> (3 * i)))
            text[3 * (i + 1)] = 'x';
    return text;
}

/* A name, or the number of who has none. */
static const char *user_text(uint32_t uid, char text[16])
{
    const struct passwd *row = getpwuid(uid);
    snprintf(text, 16, "%u", uid);
    return row != NULL ? row->pw_name : text;
}

static const char *group_text(uint32_t gid, char text[16])
{
    const struct group *row = getgrgid(gid);
    snprintf(text, 16, "%u", gid);
    return row != NULL ? row->gr_name : text;
}

static void print_rights(const char *who, const Bpmix__Node *n)
{
    char mode[11], user[16], group[16];
    printf("%-30s %-15s %s ", who, n->state, mode_text(n->mode, mode));
    printf("%-10s ", user_text(n->user, user));
    printf("%-10s", group_text(n->group, group));
}

static int is_alike(const Bpmix__Node *a, const Bpmix__Node *b)
{
    return strcmp(a->state, b->state) == 0 && a->mode == b->mode && a->user == b->user &&
           a->group == b->group;
}

static void print_compact(const struct listing *listing)
{
    auto_free int *numbers = bp_calloc(listing->count, sizeof *numbers);
    auto_free unsigned char *done = bp_calloc(listing->count, 1);
    printf("%-30s %-15s %-10s %-10s %s\n", "NODES", "STATE", "MODE", "USER", "GROUP");
    for (size_t i = 0; i < listing->count; i++) {
        size_t count = 0;
        for (size_t k = i; k < listing->count; k++) {
            if (done[k] || !is_alike(listing->rows[i], listing->rows[k]))
                continue;
            done[k] = 1;
            numbers[count++] = listing->rows[k]->number;
        }
        if (count == 0)
            continue;
        auto_free char *who = bp_nodeset_format(numbers, count, "");
        print_rights(who, listing->rows[i]);
        putchar('\n');
    }
}

static void print_long(const struct listing *listing)
{
    printf("%-30s %-15s %-10s %-10s %-10s %s\n", "NODE", "STATE", "MODE", "USER", "GROUP",
           "ADDRESS");
    for (size_t i = 0; i < listing->count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", listing->rows[i]->number);
        print_rights(number, listing->rows[i]);
        printf(" %s\n", or_dash(listing->rows[i]->address));
    }
}

/* ---- columns ---- */

static void print_column(const struct listing *listing, enum node_format format)
{
    for (size_t i = 0; i < listing->count; i++) {
        const Bpmix__Node *n = listing->rows[i];
        if (format == NODE_NUMBER)
            printf("%d\n", n->number);
        else if (format == NODE_HOSTFILE && strcmp(n->state, "up") == 0)
            printf("%s slots=%u\n", n->name, n->cores);
        else if (format != NODE_HOSTFILE)
            puts(format == NODE_STATE ? n->state : or_dash(n->address));
    }
}

void print_json(json_t *take_value)
{
    json_dumpf(take_value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(take_value);
}

static json_t *features(const Bpmix__Node *row)
{
    json_t *array = json_array();
    uint32_t words[BP_CPU_WORDS];
    size_t at = 0;
    const char *name = NULL;
    if (bp_cpu_take(row->cpu, row->n_cpu, words) == 0)
        while ((name = bp_cpu_feature(words, &at)) != NULL)
            json_array_append_new(array, json_string(name));
    return array;
}

static json_t *as_json(const struct listing *listing)
{
    json_t *array = json_array();
    for (size_t i = 0; i < listing->count; i++) {
        const Bpmix__Node *n = listing->rows[i];
        auto_free char *release = text_plain(n->release);
        char mode[16];
        snprintf(mode, sizeof mode, "%03o", n->mode);
        json_array_append_new(
            array,
            json_pack("{s:i s:s s:s s:i s:i s:i s:i s:s s:s s:i s:i s:s s:o}", "node", n->number,
                      "name", n->name, "state", n->state, "cores", (int)n->cores, "cpus",
                      (int)n->threads, "used", (int)n->used, "jobs", (int)n->jobs, "address",
                      n->address, "kernel", release, "user", (int)n->user, "group", (int)n->group,
                      "mode", mode, "features", features(n)));
    }
    return json_pack("{s:o}", "nodes", array);
}

void node_rows_print(const struct listing *listing, enum node_format format)
{
    switch (format) {
    case NODE_TABLE:
        print_table(listing);
        break;
    case NODE_COMPACT:
        print_compact(listing);
        break;
    case NODE_LONG:
        print_long(listing);
        break;
    case NODE_TOTAL:
        printf("%zu\n", listing->count);
        break;
    case NODE_JSON:
        print_json(as_json(listing));
        break;
    default:
        print_column(listing, format);
        break;
    }
}
