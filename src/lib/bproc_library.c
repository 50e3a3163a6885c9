/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_library.c - libbproc: the list of libraries that every node is said to have. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/client.h"
#include "lib/node.h"
#include "lib/public.h"
#include "proto/local.h"

#define LIST_MAX (8 << 20)

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

/* On the master bpmaster keeps it in a file beside its socket while there is anything in it. */
static char *read_list(size_t *ret_size)
{
    const char *path = bp_client_path(), *slash = strrchr(path, '/');
    char name[PATH_MAX];
    struct stat st;
    snprintf(name, sizeof name, "%.*s" BP_LIBRARIES_FILE,
             slash != NULL ? (int)(slash - path) + 1 : 0, path);
    auto_close int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > LIST_MAX)
        return NULL;
    char *text = calloc(1, (size_t)st.st_size + 2);
    ssize_t got = text != NULL ? read(fd, text, (size_t)st.st_size) : 0;
    *ret_size = got > 0 ? (size_t)got : 0;
    return text;
}

static char *ask_list(size_t *ret_size)
{
    char *text = NULL;
    int size = bproc_liblist(&text);
    *ret_size = size > 0 ? (size_t)size : 0;
    return size > 0 ? text : NULL;
}

static char *real_paths(void)
{
    size_t size = 0, used = 0;
    bool on_node = bp_client_node() != BPROC_NODE_MASTER;
    auto_free char *text = on_node ? ask_list(&size) : read_list(&size);
    if (text == NULL || *text == '\0')
        return NULL;
    size_t count = 0;
    for (const char *next = text; *next != '\0'; next += strlen(next) + 1)
        count++;
    char *paths = malloc(count * PATH_MAX + 1);
    for (const char *next = text; paths != NULL && *next != '\0'; next += strlen(next) + 1)
        if (realpath(next, paths + used) != NULL) /* as the kernel names what is mapped */
            used += strlen(paths + used) + 1;
    if (paths == NULL)
        return NULL;
    paths[used] = '\0';
    char *less = realloc(paths, used + 1);
    return less != NULL ? less : paths;
}

char *bp_public_libraries(int flags)
{
    int code = errno; /* the caller's, also where it goes to */
    char *paths = (flags & BPROC_DUMP_LIBS) == 0 ? real_paths() : NULL;
    errno = code;
    return paths;
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
