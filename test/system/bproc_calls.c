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

static void call_getnodeattr(void)
{
    char value[BPROC_ATTR_VALUE_LEN + 1] = "";
    int r = bproc_getnodeattr(number(0), args[1], value, *args[2] != '\0' ? number(2) : 64);
    if (r < 0)
        result(r);
    else
        printf("%d %s\n", r, value);
}

static void call_setnodeattr(void)
{
    result(bproc_setnodeattr(number(0), args[1], args[2], (int)strlen(args[2])));
}

static void call_proclist(void)
{
    struct bproc_proc_info_t *list = NULL;
    int i, r = bproc_proclist(number(0), &list);
    if (r < 0) {
        result(r);
        return;
    }
    printf("%d:", r);
    for (i = 0; i < r; i++)
        printf(" %d/%d", list[i].pid, list[i].node);
    printf("\n");
    free(list);
}

static void call_pidnode(void)
{
    int r = bproc_pidnode(*args[0] != '\0' ? number(0) : (int)getpid());
    printf("%d %s\n", r, r < 0 ? strerror(errno) : "");
}

static void call_liblist(void)
{
    char *list = NULL, *p;
    int r = bproc_liblist(&list);
    if (r < 0) {
        result(r);
        return;
    }
    printf("%d:", r);
    for (p = list; *p != '\0'; p += strlen(p) + 1)
        printf(" %s", p);
    printf("\n");
    free(list);
}

static int notifier = -1;

static int has_news(int wait_ms)
{
    struct pollfd news;
    news.fd = notifier;
    news.events = POLLIN;
    return poll(&news, 1, wait_ms);
}

static void call_notifier(void)
{
    notifier = bproc_notifier();
    printf("%d\n", notifier < 0 ? notifier : has_news(0));
}

static void call_news(void) /* is there any now? */
{
    printf("%d\n", has_news(0));
}

static void call_await(void) /* it, at most 10 s */
{
    printf("%d\n", has_news(10000));
}

static void call_read(void) /* acknowledges it */
{
    char byte;
    ssize_t got = read(notifier, &byte, 1);
    printf("%d %d\n", (int)got, has_news(0));
}

static void call_nodelist_(void)
{
    struct bproc_node_set_t set;
    int r = bproc_nodelist_(&set, notifier);
    print_set(r, &set);
}

static void call_nodereconnect(void)
{
    struct sockaddr_in in;
    memset(&in, 0, sizeof in);
    in.sin_family = AF_INET;
    in.sin_port = htons((unsigned short)number(2));
    inet_pton(AF_INET, args[1], &in.sin_addr);
    result(bproc_nodereconnect(number(0), *args[1] != '\0' ? (struct sockaddr *)&in : NULL,
                               sizeof in, NULL, 0));
}

static void call_chmod(void) { result(bproc_chmod(number(0), number(1))); }
static void call_chown(void) { result(bproc_chown(number(0), number(1))); }
static void call_chgrp(void) { result(bproc_chgrp(number(0), number(1))); }
static void call_access(void) { result(bproc_access(number(0), number(1))); }
static void call_nodechroot(void) { result(bproc_nodechroot(number(0), args[1])); }
static void call_nodereboot(void) { result(bproc_nodereboot(number(0))); }
static void call_nodehalt(void) { result(bproc_nodehalt(number(0))); }
static void call_nodepwroff(void) { result(bproc_nodepwroff(number(0))); }
static void call_nodereboot_async(void) { result(bproc_nodereboot_async(number(0))); }
static void call_nodehalt_async(void) { result(bproc_nodehalt_async(number(0))); }
static void call_nodepwroff_async(void) { result(bproc_nodepwroff_async(number(0))); }
static void call_nodesetstatus(void) { result(bproc_nodesetstatus(number(0), args[1])); }
static void call_libclear(void) { result(bproc_libclear()); }
static void call_libadd(void) { result(bproc_libadd(args[0])); }
static void call_libdel(void) { result(bproc_libdel(args[0])); }
static void call_numnodes(void) { result(bproc_numnodes()); }
static void call_currnode(void) { printf("%d\n", bproc_currnode()); }
static void call_strerror(void) { puts(bproc_strerror(number(0))); }

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
    {"access", call_access},
    {"await", call_await},
    {"chgrp", call_chgrp},
    {"chmod", call_chmod},
    {"chown", call_chown},
    {"currnode", call_currnode},
    {"getnodeattr", call_getnodeattr},
    {"libadd", call_libadd},
    {"libclear", call_libclear},
    {"libdel", call_libdel},
    {"liblist", call_liblist},
    {"news", call_news},
    {"nodeaddr", call_nodeaddr},
    {"nodechroot", call_nodechroot},
    {"nodefilter", call_nodefilter},
    {"nodehalt", call_nodehalt},
    {"nodehalt_async", call_nodehalt_async},
    {"nodeinfo", call_nodeinfo},
    {"nodelist", call_nodelist},
    {"nodelist_", call_nodelist_},
    {"nodepwroff", call_nodepwroff},
    {"nodepwroff_async", call_nodepwroff_async},
    {"nodereboot", call_nodereboot},
    {"nodereboot_async", call_nodereboot_async},
    {"nodereconnect", call_nodereconnect},
    {"nodeset", call_nodeset},
    {"nodesetstatus", call_nodesetstatus},
    {"nodespec", call_nodespec},
    {"nodestatus", call_nodestatus},
    {"notifier", call_notifier},
    {"numnodes", call_numnodes},
    {"pidnode", call_pidnode},
    {"proclist", call_proclist},
    {"read", call_read},
    {"setnodeattr", call_setnodeattr},
    {"strerror", call_strerror},
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
