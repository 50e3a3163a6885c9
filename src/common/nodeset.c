/* SPDX-License-Identifier: BSD-3-Clause */
/* nodeset.c - node specifications: "5", "0-3,7", "n[0-3,7]", "all", "allup", "master". */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"

struct parser {
    const char *at;   /* next character */
    const char *part; /* where the part it is in began */
    const struct bp_nodeset_node *nodes;
    size_t node_count;
    struct bp_nodeset set;
    size_t room; /* allocated items of set */
    struct bp_error *err;
};

/* An error sentence that shows the part at hand, cut and without control characters. */
static int refuse(const struct parser *p, const char *why)
{
    char part[48];
    size_t used = 0;
    bool bracket = false;
    for (const char *c = p->part; *c != '\0' && used < sizeof part - 1; c++) {
        if (*c == ',' && !bracket)
            break;
        bracket = *c == '[' || (bracket && *c != ']');
        part[used++] = isprint((unsigned char)*c) ? *c : '?';
    }
    part[used] = '\0';
    return bp_error_set(p->err, -EINVAL, "node specification: '%s' %s", part, why);
}

static int add(struct parser *p, int number)
{
    if (p->set.count == BP_NODESET_MAX)
        return bp_error_set(p->err, -E2BIG, "node specification: more than %d nodes are named",
                            BP_NODESET_MAX);
    if (p->set.count == p->room) {
        size_t room = p->room > 0 ? p->room * 2 : 16;
        int *numbers = reallocarray(p->set.numbers, room, sizeof *numbers);
        if (numbers == NULL) /* libbproc's caller goes on */
            return bp_error_set(p->err, -ENOMEM, "node specification: no memory");
        p->room = room;
        p->set.numbers = numbers;
    }
    p->set.numbers[p->set.count++] = number;
    return 0;
}

static int read_number(struct parser *p, int *ret_number)
{
    const char *start = p->at;
    int number = 0;
    for (; *p->at >= '0' && *p->at <= '9'; p->at++) {
        number = number * 10 + (*p->at - '0');
        if (number > BP_NODE_NUMBER_MAX)
            return refuse(p, "has a node number above 65535");
    }
    if (p->at == start)
        return refuse(p, "is not a node, a range of nodes or a word such as 'all' or 'allup'");
    *ret_number = number;
    return 0;
}

static void skip_prefix(struct parser *p)
{
    if (*p->at == 'n' || *p->at == '.')
        p->at++;
}

static int read_range(struct parser *p)
{
    int first;
    int r = read_number(p, &first);
    if (r < 0)
        return r;
    int last = first;
    if (*p->at == '-') {
        p->at++;
        skip_prefix(p);
        r = read_number(p, &last);
        if (r < 0)
            return r;
    }
    if (last < first)
        return refuse(p, "is a range that runs backwards");
    for (int number = first; r == 0 && number <= last; number++)
        r = add(p, number);
    return r;
}

static int read_brackets(struct parser *p)
{
    do {
        p->at++;
        int r = read_range(p);
        if (r < 0)
            return r;
    } while (*p->at == ',');
    if (*p->at != ']')
        return refuse(p, "lacks its ']'");
    p->at++;
    return 0;
}

/* "all", "all<state>" or "allnot<state>". */
static int read_word(struct parser *p)
{
    p->at += strlen("all");
    bool negated = strncmp(p->at, "not", 3) == 0;
    if (negated)
        p->at += strlen("not");
    const char *state = p->at;
    while (*p->at >= 'a' && *p->at <= 'z')
        p->at++;
    size_t length = (size_t)(p->at - state);
    if (negated && length == 0)
        return refuse(p, "lacks a state, such as 'up' or 'down'");
    for (size_t i = 0; i < p->node_count; i++) {
        const struct bp_nodeset_node *node = &p->nodes[i];
        bool same = strlen(node->state) == length && strncmp(node->state, state, length) == 0;
        if (node->number < 0 || (length > 0 && same == negated))
            continue;
        int r = add(p, node->number);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool skip_text(struct parser *p, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(p->at, text, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* Is `name` the host's, wholly or up to the domain? */
static bool is_host(const char *host, const char *name, size_t length)
{
    return host != NULL && host[0] != '\0' && strncmp(host, name, length) == 0 &&
           (host[length] == '\0' || host[length] == '.');
}

/* The name of a host: false = of none. */
static bool read_host(struct parser *p, int *ret_error)
{
    size_t length = strcspn(p->at, ",");
    bool found = false;
    *ret_error = 0;
    for (size_t i = 0; i < p->node_count && *ret_error == 0 && length > 0; i++) {
        if (!is_host(p->nodes[i].host, p->at, length))
            continue;
        found = true;
        *ret_error = add(p, p->nodes[i].number);
    }
    if (found)
        p->at += length;
    return found;
}

/* "n5-rack" begins like a number. */
static int read_numbers(struct parser *p)
{
    const char *start = p->at;
    size_t count = p->set.count;
    struct bp_error *err = p->err;
    int r, error;
    p->err = NULL;
    skip_prefix(p);
    r = *p->at == '[' ? read_brackets(p) : read_range(p);
    bool ended = *p->at == ',' || *p->at == '\0';
    p->err = err;
    if (r == 0 && ended)
        return 0;
    if (r == -ENOMEM)
        return bp_error_set(err, r, "no memory");
    p->at = start;
    p->set.count = count;
    if (read_host(p, &error))
        return error;
    skip_prefix(p);
    return *p->at == '[' ? read_brackets(p) : read_range(p);
}

static int read_part(struct parser *p)
{
    int r;
    p->part = p->at;
    if (strncmp(p->at, "all", 3) == 0) {
        if (!read_host(p, &r) && r == 0)
            r = read_word(p);
    } else if (skip_text(p, "-1") || skip_text(p, "master")) {
        r = add(p, BP_NODE_MASTER);
    } else {
        r = read_numbers(p);
    }
    if (r == 0 && *p->at != ',' && *p->at != '\0')
        r = refuse(p, "is not a node, a range of nodes or a word such as 'all' or 'allup'");
    return r;
}

int bp_nodeset_parse(const char *text, const struct bp_nodeset_node *nodes, size_t node_count,
                     struct bp_nodeset *ret_set, struct bp_error *err)
{
    struct parser p = {.at = text, .nodes = nodes, .node_count = node_count, .err = err};
    if (*text == '\0')
        return bp_error_set(err, -EINVAL, "node specification: it is empty");
    int r = read_part(&p);
    while (r == 0 && *p.at == ',') {
        p.at++;
        r = read_part(&p);
    }
    if (r < 0) {
        bp_nodeset_done(&p.set);
        return r;
    }
    *ret_set = p.set;
    return 0;
}

void bp_nodeset_done(struct bp_nodeset *set)
{
    free(set->numbers);
    *set = (struct bp_nodeset){0};
}

static size_t put_node(char *text, size_t size, int number, const char *prefix)
{
    if (number == BP_NODE_MASTER && prefix[0] != '\0')
        return (size_t)snprintf(text, size, "master");
    return (size_t)snprintf(text, size, "%s%d", prefix, number);
}

char *bp_nodeset_format(const int *numbers, size_t count, const char *prefix)
{
    size_t size = count * (sizeof "-2147483648," + strlen(prefix)) + 1;
    char *text = bp_calloc(size, 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t last = i;
        while (numbers[i] >= 0 && last + 1 < count && (long)numbers[last] + 1 == numbers[last + 1])
            last++;
        if (used > 0)
            text[used++] = ',';
        used += put_node(text + used, size - used, numbers[i], prefix);
        if (last > i) {
            text[used++] = '-';
            used += put_node(text + used, size - used, numbers[last], prefix);
        }
        i = last;
    }
    return text;
}
