/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_say.c - what both ends of bpcp say, and how they call things. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tools/copy.h"

void copy_say(const char *path, const char *what, int error)
{
    const char *node = getenv("BPROC_NODE");
    auto_free char *plain = bp_strdup(path);
    for (char *p = plain; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    auto_free char *where = node == NULL              ? bp_strdup("")
                            : strcmp(node, "-1") == 0 ? bp_strdup("master: ")
                                                      : bp_format("n%s: ", node);
    fprintf(stderr, "bpcp: %s%s: %s%s%s\n", where, plain, what,
            error != 0 && *what != '\0' ? ": " : "", error != 0 ? strerror(error) : "");
}

char *copy_base_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (end == begin || (end - begin == 2 && memcmp(path + begin, "..", 2) == 0))
        return bp_strdup(".");
    return bp_format("%.*s", (int)(end - begin), path + begin);
}
