/* SPDX-License-Identifier: BSD-3-Clause */
/* asker.c - which rank a process of a space is, or comes from: children that ranks make on their
 * own node have no ghosts, and stand for their parents. Ranks of guests are in that space, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

#define DEPTH_MAX 1000 /* ancestors that are looked at */

/* The process as its space numbers it, and its parent as we do. */
static int read_numbers(pid_t pid, pid_t *ret_inside, pid_t *ret_parent)
{
    char path[32], text[2048];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    const char *parent = strstr(text, "\nPPid:"), *numbers = strstr(text, "\nNSpid:");
    return parent != NULL && numbers != NULL && sscanf(parent, "\nPPid: %d", ret_parent) == 1 &&
                   sscanf(numbers, "\nNSpid: %*d %d", ret_inside) == 1
               ? 0
               : -1;
}

/* inside 0: any. */
static const struct rank *find(struct space *host, pid_t inside)
{
    for (struct space *space = host->agent->spaces; space != NULL; space = space->hh.next) {
        if (guest_host(space) != host)
            continue;
        for (const struct rank *rank = space->ranks; rank != NULL; rank = rank->hh.next)
            if (!rank->exited && (inside == 0 || rank->pid == inside))
                return rank;
    }
    return NULL;
}

pid_t asker_rank(struct space *space, pid_t pid)
{
    const struct rank *rank = NULL;
    pid_t inside, parent;
    for (int i = 0; rank == NULL && i < DEPTH_MAX && pid > 1 && pid != space->pid; i++) {
        if (read_numbers(pid, &inside, &parent) < 0)
            break;
        rank = find(space, inside);
        pid = parent;
    }
    if (rank == NULL)
        rank = find(space, 0);
    return rank != NULL ? rank->pid : 0;
}

pid_t asker_self(struct space *space, pid_t pid)
{
    pid_t inside, parent;
    const struct rank *rank = read_numbers(pid, &inside, &parent) == 0 ? find(space, inside) : NULL;
    return rank != NULL ? rank->pid : 0;
}
