/* SPDX-License-Identifier: BSD-3-Clause */
/* proc_rows.c - remote processes as text, and what ps printed with their nodes beside it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "lib/node.h"
#include "tools/node_rows.h"
#include "tools/proc_rows.h"

#define ALL_NODES (-4)

struct proc {
    int pid, node;
};

static int by_pid(const void *a, const void *b)
{
    const struct proc *x = a, *y = b;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* All remote processes by PID; NULL with a sentence. */
static struct proc *ask(size_t *ret_count, struct bp_error *err)
{
    auto_unpack Bpmix__ProcList *list = bp_node_procs(ALL_NODES, err);
    if (list == NULL)
        return NULL;
    struct proc *procs = bp_calloc(list->n_pids, sizeof *procs);
    for (size_t i = 0; i < list->n_pids; i++)
        procs[i] = (struct proc){.pid = list->pids[i], .node = list->nodes[i]};
    if (list->n_pids > 1)
        qsort(procs, list->n_pids, sizeof *procs, by_pid);
    *ret_count = list->n_pids;
    return procs;
}

static int is_listed(const struct listing *listing, int node)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->rows[i]->number == node)
            return 1;
    return 0;
}

int proc_rows_show(const struct listing *listing, int as_json, struct bp_error *err)
{
    size_t count;
    auto_free struct proc *procs = ask(&count, err);
    if (procs == NULL)
        return err->code;
    json_t *array = json_array();
    if (!as_json)
        printf("%8s %5s\n", "PID", "NODE");
    for (size_t i = 0; i < count; i++) {
        if (!is_listed(listing, procs[i].node))
            continue;
        if (as_json)
            json_array_append_new(array, json_pack("{s:i s:i}", "pid", procs[i].pid, "node",
                                                   procs[i].node));
        else
            printf("%8d %5d\n", procs[i].pid, procs[i].node);
    }
    if (as_json)
        print_json(json_pack("{s:O}", "processes", array));
    json_decref(array);
    return 0;
}

/* ---- beside the lines of ps ---- */

/* The number that is the word ending before `end`; 0 = it is none. */
static int number_before(const char *line, int end)
{
    int start = end;
    if ((size_t)end > strlen(line) || (line[end] != ' ' && line[end] != '\0'))
        return 0;
    while (start > 0 && isdigit((unsigned char)line[start - 1]))
        start--;
    if (start == end || end - start > 9 || (start > 0 && line[start - 1] != ' '))
        return 0;
    return atoi(line + start);
}

static int number_of_field(const char *line, int field)
{
    const char *p = line + strspn(line, " ");
    while (field-- > 0) {
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    return number_before(line, (int)(p - line) + (int)strspn(p, "0123456789"));
}

/* Is this a head line? Then where the PIDs stand. */
static int read_head(const char *line, int *column, int *field)
{
    int count = 0;
    for (const char *p = line + strspn(line, " "); *p != '\0'; count++) {
        size_t length = strcspn(p, " ");
        if (length == 3 && strncmp(p, "PID", 3) == 0) {
            *column = (int)(p - line) + 3;
            *field = count;
            return 1;
        }
        p += length;
        p += strspn(p, " ");
    }
    return 0;
}

int proc_rows_find(const char *line, int *column, int *field)
{
    if (read_head(line, column, field))
        return 0;
    int pid = *column > 0 ? number_before(line, *column) : 0;
    return pid > 0 ? pid : number_of_field(line, *field);
}

int proc_rows_mix(FILE *from, FILE *to, struct bp_error *err)
{
    size_t count, size = 0;
    auto_free struct proc *procs = ask(&count, err);
    auto_free char *line = NULL;
    int column = 0, field = 0;
    if (procs == NULL)
        return err->code;
    while (getline(&line, &size, from) > 0) {
        line[strcspn(line, "\n")] = '\0';
        struct proc key = {.pid = proc_rows_find(line, &column, &field)};
        const struct proc *found = bsearch(&key, procs, count, sizeof *procs, by_pid);
        if (read_head(line, &column, &field))
            fprintf(to, " NODE %s\n", line);
        else if (found != NULL)
            fprintf(to, "%5d %s\n", found->node, line);
        else
            fprintf(to, "      %s\n", line);
    }
    return ferror(from) ? bp_error_set(err, -EIO, "standard input cannot be read") : 0;
}
