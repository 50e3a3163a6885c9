/* SPDX-License-Identifier: BSD-3-Clause */
/* roster.c - lists that tools ask for: the remote processes, and the libraries that every node is
 * said to have. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/bproc.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/master.h"

#define PROCS_MAX     1000000 /* of one answer */
#define LIBRARIES_MAX 1024

static size_t count_procs(const struct master *master)
{
    size_t count = 0;
    const struct job *job;
    for (job = master->jobs; job != NULL; job = job->hh.next)
        count += job->proc_count;
    return count < PROCS_MAX ? count : PROCS_MAX;
}

static void add_procs(const struct job *job, int node, size_t room, Bpmix__ProcList *list)
{
    for (unsigned i = 0; i < job->proc_count && list->n_pids < room; i++) {
        const struct proc *proc = &job->procs[i];
        int where = proc_where(job, proc);
        if (proc->state == PROC_GONE || proc->pid == 0 || proc->resident != NULL ||
            (node != BPROC_NODE_ANY && node != where))
            continue;
        list->pids[list->n_pids++] = proc->pid;
        list->nodes[list->n_nodes++] = where;
    }
}

int proc_list_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err)
{
    const struct master *master = tool->master;
    if (frame->node != BPROC_NODE_ANY && frame->node != BPROC_NODE_MASTER &&
        node_get(tool->master, frame->node) == NULL)
        return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", frame->node);
    size_t room = count_procs(master);
    Bpmix__ProcList list = BPMIX__PROC_LIST__INIT;
    auto_free int32_t *pids = bp_calloc(room, sizeof *pids);
    auto_free int32_t *nodes = bp_calloc(room, sizeof *nodes);
    list.pids = pids;
    list.nodes = nodes;
    for (const struct job *job = master->jobs; job != NULL; job = job->hh.next)
        add_procs(job, frame->node, room, &list);
    tool_send(tool, (struct bp_frame){.type = BP_PROCS, .tag = frame->tag}, &list, NULL, 0);
    return 0;
}

/* ---- libraries ---- */

static int find_library(const struct master *master, const char *path)
{
    for (unsigned i = 0; i < master->library_count; i++)
        if (strcmp(master->libraries[i], path) == 0)
            return (int)i;
    return -ENOENT;
}

static int add_library(struct master *master, const char *path, struct bp_error *err)
{
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return bp_error_set(err, -EINVAL, "%.200s: a library is named by its absolute path", path);
    if (find_library(master, path) >= 0)
        return bp_error_set(err, -EEXIST, "%s is in the list already", path);
    if (master->library_count == LIBRARIES_MAX)
        return bp_error_set(err, -ENOSPC, "the list has %d libraries already", LIBRARIES_MAX);
    master->libraries = bp_realloc(master->libraries, master->library_count + 1,
                                   sizeof *master->libraries);
    master->libraries[master->library_count++] = bp_strdup(path);
    return 0;
}

static int delete_library(struct master *master, const char *path, struct bp_error *err)
{
    int i = find_library(master, path);
    if (i < 0)
        return bp_error_set(err, i, "%.200s is not in the list", path);
    free(master->libraries[i]);
    memmove(master->libraries + i, master->libraries + i + 1,
            (--master->library_count - (unsigned)i) * sizeof *master->libraries);
    return 0;
}

void libraries_clear(struct master *master)
{
    while (master->library_count > 0)
        free(master->libraries[--master->library_count]);
    free(master->libraries);
    master->libraries = NULL;
}

int libraries_publish(const struct master *master, struct bp_error *err)
{
    auto_free char *name = bp_format("%s/" BP_LIBRARIES_FILE, master->config.rundir);
    auto_free char *next = bp_format("%s.new", name);
    if (master->library_count == 0)
        return unlink(name) == 0 || errno == ENOENT
                   ? 0 : bp_error_set(err, -errno, "%s: %s", name, strerror(errno));
    auto_close int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    int good = fd >= 0;
    for (unsigned i = 0; good && i < master->library_count; i++) {
        size_t size = strlen(master->libraries[i]) + 1;
        good = write(fd, master->libraries[i], size) == (ssize_t)size;
    }
    if (good && rename(next, name) == 0)
        return 0;
    return bp_error_set(err, -errno, "%s: %s", next, strerror(errno));
}

static int change_libraries(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                            struct bp_error *err)
{
    auto_unpack Bpmix__LibraryChange *change =
        BP_UNPACK(LibraryChange, library_change, body, frame->length, err);
    if (change == NULL)
        return err->code;
    int r = 0;
    if (tool->uid != 0)
        return bp_error_set(err, -EPERM, "only root may do this");
    switch (change->kind) {
    case BPMIX__LIBRARY_CHANGE__KIND__ADD:
        r = add_library(tool->master, change->path, err);
        break;
    case BPMIX__LIBRARY_CHANGE__KIND__DELETE:
        r = delete_library(tool->master, change->path, err);
        break;
    case BPMIX__LIBRARY_CHANGE__KIND__CLEAR:
        libraries_clear(tool->master);
        break;
    default:
        return bp_error_set(err, -EINVAL, "an unknown change of the list of libraries");
    }
    return r == 0 ? libraries_publish(tool->master, err) : r;
}

int library_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                  struct bp_error *err)
{
    if (frame->type == BP_LIBRARY_SET) {
        int r = change_libraries(tool, frame, body, err);
        if (r == 0)
            tool_done(tool, frame->tag);
        return r;
    }
    Bpmix__LibraryList list = BPMIX__LIBRARY_LIST__INIT;
    list.paths = tool->master->libraries;
    list.n_paths = tool->master->library_count;
    tool_send(tool, (struct bp_frame){.type = BP_LIBRARIES, .tag = frame->tag}, &list, NULL, 0);
    return 0;
}
