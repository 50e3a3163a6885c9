/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_calls.c - a stranger's program: each word of its command line is a call of libbproc with its
 * arguments, "nodestatus:3"; a line tells what came back. Compiled by bproc_calls.py as C and as
 * C++, with nothing but the installed header and pkg-config. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/bproc.h>

static char *args[8]; /* of the call at hand; missing ones are "" */

static int number(int i)
{
    return (int)strtol(args[i], NULL, 0);
}

static void result(int r)
{
    if (r < 0)
        printf("%d %s\n", r, bproc_strerror(errno));
    else
        printf("%d\n", r);
}

static void print_info(const struct bproc_node_info_t *info)
{
    struct sockaddr_in in;
    memcpy(&in, &info->addr, sizeof in);
    printf("%d/%s/%o/%u/%u/%s\n", info->node, info->status, info->mode, info->user, info->group,
           in.sin_family == AF_INET ? inet_ntoa(in.sin_addr) : "-");
}

static void print_set(int r, struct bproc_node_set_t *set)
{
    int i;
    if (r < 0) {
        result(r);
        return;
    }
    for (i = 0; i < set->size; i++)
        printf("%s%d", i > 0 ? "," : "", bproc_node_set_node(set, i)->node);
    printf(" (%d)\n", set->size);
    bproc_nodeset_free(set);
}

static void call_nodestatus(void)
{
    char status[BPROC_STATE_LEN + 1] = "?";
    int r = bproc_nodestatus(number(0), status, *args[1] != '\0' ? number(1) : (int)sizeof status);
    if (r == 0)
        puts(status);
    else
        result(r);
}

static void call_nodeaddr(void)
{
    struct sockaddr_in in;
    int size = sizeof in;
    int r = bproc_nodeaddr(number(0), (struct sockaddr *)&in, &size);
    if (r == 0)
        printf("%s %d\n", inet_ntoa(in.sin_addr), size);
    else
        result(r);
}

static void call_nodeinfo(void)
{
    struct bproc_node_info_t info;
    int r = bproc_nodeinfo(number(0), &info);
    if (r == 0)
        print_info(&info);
    else
        result(r);
}

static void call_nodelist(void)
{
    struct bproc_node_set_t set;
    int r = bproc_nodelist(&set);
    print_set(r, &set);
}

static void call_nodespec(void)
{
    struct bproc_node_set_t set;
    int r = bproc_nodespec(&set, args[0]);
    print_set(r, &set);
}

/* The nodes named first, of which the ones named second. */
static void call_nodefilter(void)
{
    struct bproc_node_set_t in, out;
    int r = bproc_nodespec(&in, args[0]);
    if (r == 0) {
        r = bproc_nodefilter(&out, &in, args[1]);
        bproc_nodeset_free(&in);
    }
    print_set(r, &out);
}

/* All ways to fill a set; it grows by itself and by order. */
static void call_nodeset(void)
{
    struct bproc_node_set_t a = BPROC_EMPTY_NODESET, b;
    struct bproc_node_info_t info;
    int i, r;
    memset(&info, 0, sizeof info);
    r = bproc_nodeset_init(&b, 2);
    for (i = 0; r == 0 && i < 40; i++) {
        info.node = i;
        r = bproc_nodeset_add(&b, &info);
    }
    for (i = 0; r == 0 && i < 3; i++)
        r = bproc_nodeset_append(&a, &b);
    if (r == 0)
        r = bproc_nodeset_append(&a, &a);
    if (r == 0)
        r = bproc_nodeset_grow(&a, 1000);
    printf("%d %d %d %d\n", r, a.size, a.alloc >= 1000, a.size == 240 ? a.node[239].node : -1);
    bproc_nodeset_free(&a);
    bproc_nodeset_free(&b);
    printf("%d %d %d\n", a.size, a.alloc, a.node == NULL);
}

static void call_version(void)
{
    struct bproc_version_t v;
    int r = bproc_version(&v);
    printf("%d %.3s %d %u %s\n", r, v.bproc_magic, v.arch, v.magic, v.version_string);
}

static void call_numnodes(void) { result(bproc_numnodes()); }
static void call_currnode(void) { printf("%d\n", bproc_currnode()); }
static void call_strerror(void) { puts(bproc_strerror(number(0))); }

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
    {"currnode", call_currnode},     {"nodeaddr", call_nodeaddr},
    {"nodefilter", call_nodefilter}, {"nodeinfo", call_nodeinfo},
    {"nodelist", call_nodelist},     {"nodeset", call_nodeset},
    {"nodespec", call_nodespec},     {"nodestatus", call_nodestatus},
    {"numnodes", call_numnodes},     {"strerror", call_strerror},
    {"version", call_version},
};

int main(int argc, char **argv)
{
    static char none[] = "";
    size_t c, i;
    int w;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (w = 1; w < argc; w++) {
        char *name = argv[w], *rest = argv[w];
        strsep(&rest, ":");
        for (i = 0; i < sizeof args / sizeof args[0]; i++)
            args[i] = rest != NULL ? strsep(&rest, ":") : none;
        for (c = 0; c < sizeof calls / sizeof calls[0]; c++)
            if (strcmp(calls[c].name, name) == 0)
                break;
        if (c == sizeof calls / sizeof calls[0])
            return 2;
        calls[c].call();
    }
    return 0;
}
