/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_library.c - libbproc: the list of libraries that every node is said to have. */
#include <stdlib.h>
#include <string.h>

#include "lib/node.h"
#include "lib/public.h"

static int change(Bpmix__LibraryChange__Kind kind, const char *path)
{
    struct bp_error err = {0};
    return bp_public_result(bp_library_change(kind, path, &err));
}

int bproc_libclear(void)
{
    return change(BPMIX__LIBRARY_CHANGE__KIND__CLEAR, "");
}

int bproc_libadd(const char *path)
{
    return change(BPMIX__LIBRARY_CHANGE__KIND__ADD, path);
}

int bproc_libdel(const char *path)
{
    return change(BPMIX__LIBRARY_CHANGE__KIND__DELETE, path);
}

int bproc_liblist(char **list)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__LibraryList *found = bp_library_list(&err);
    if (found == NULL)
        return bp_public_result(err.code);
    size_t size = 1;
    for (size_t i = 0; i < found->n_paths; i++)
        size += strlen(found->paths[i]) + 1;
    char *text = malloc(size), *end = text;
    if (text == NULL)
        return bp_public_result(-ENOMEM);
    for (size_t i = 0; i < found->n_paths; i++)
        end = stpcpy(end, found->paths[i]) + 1;
    *end = '\0';
    *list = text;
    return (int)size;
}
