/* SPDX-License-Identifier: BSD-3-Clause */
/* process.c - see process.h; fields as proc(5) has them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/maps.h"
#include "image/process.h"

/* The text after "NAME:\t" of a line of status; NULL when there is no such line. */
static const char *status_field(const char *status, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

static long status_number(const char *status, const char *name, int base, long otherwise)
{
    const char *text = status_field(status, name);

    return text != NULL ? strtol(text, NULL, base) : otherwise;
}

static int status_check(const char *status, const struct bp_image_options *options,
                        struct bp_error *err)
{
    const char *features = status_field(status, "x86_Thread_features");
    const char *end = features != NULL ? strchrnul(features, '\n') : NULL;
    const char *shadow = features != NULL ? strstr(features, "shstk") : NULL;

    if (shadow != NULL && shadow < end)
        return bp_error_set(err, -EOPNOTSUPP, "a process with a shadow stack cannot travel");
    if (status_number(status, "Seccomp", 10, 0) != 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process with a seccomp filter cannot travel");
    if (options->is_move && status_number(status, "Threads", 10, 1) > 1)
        return bp_error_set(err, -EOPNOTSUPP, "a process with threads cannot move");
    return 0;
}

int bp_process_check(struct bp_tables *tables, pid_t pid, const struct bp_image_options *options,
                     struct bp_error *err)
{
    auto_free char *status = NULL, *timers = NULL;
    size_t bytes;
    int rc = bp_proc_read(pid, "status", &status, &bytes, err);

    if (rc < 0)
        return rc;
    if (pid == getpid() && status_number(status, "TracerPid", 10, 0) != 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process that is traced cannot travel");
    rc = status_check(status, options, err);
    if (rc < 0)
        return rc;
    tables->head.umask = (uint32_t)status_number(status, "Umask", 8, 022);
    tables->head.thp_disable = status_number(status, "THP_enabled", 10, 1) == 0;
    /* A kernel without CONFIG_CHECKPOINT_RESTORE has no such file. */
    if (options->is_move && bp_proc_read(pid, "timers", &timers, &bytes, NULL) == 0 && bytes > 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process with POSIX timers cannot move");
    return 0;
}

/* The fields 26, 27, ... of /proc/PID/stat. */
static int stat_capture(struct bp_image_memory *memory, pid_t pid, struct bp_error *err)
{
    auto_free char *text = NULL;
    uint64_t fields[53] = {0};
    size_t bytes;
    char *at;
    int rc = bp_proc_read(pid, "stat", &text, &bytes, err);

    if (rc < 0)
        return rc;
    at = strrchr(text, ')'); /* the second field ends here, the third is a letter */
    if (at == NULL || strlen(at) < 4)
        return bp_error_set(err, -EBADMSG, "/proc/%d/stat cannot be understood", (int)pid);
    at += 3;
    for (int i = 4; i <= 52; i++)
        fields[i] = strtoull(at, &at, 10);
    *memory = (struct bp_image_memory){
        .start_code = fields[26], .end_code = fields[27], .start_stack = fields[28],
        .start_data = fields[45], .end_data = fields[46], .start_brk = fields[47],
        .arg_start = fields[48], .arg_end = fields[49], .env_start = fields[50],
        .env_end = fields[51],
    };
    if (memory->start_code == 0)
        return bp_error_set(err, -EPERM, "/proc/%d/stat does not tell the process's memory",
                            (int)pid);
    return 0;
}

static int link_capture(struct bp_tables *tables, pid_t pid, const char *name, uint32_t *ret,
                        struct bp_error *err)
{
    char path[64], target[PATH_MAX];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return bp_error_set(err, -errno, "%s cannot be read: %s", path, strerror(errno));
    target[n] = '\0';
    return bp_tables_string(tables, target, ret, err);
}

int bp_process_capture(struct bp_tables *tables, pid_t pid, struct bp_error *err)
{
    auto_free char *auxv = NULL;
    size_t bytes;
    int rc = stat_capture(&tables->head.memory, pid, err);

    if (rc == 0)
        rc = bp_proc_read(pid, "auxv", &auxv, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes > sizeof(tables->auxv) || bytes % 16 != 0)
        return bp_error_set(err, -EBADMSG, "/proc/%d/auxv cannot be understood", (int)pid);
    memcpy(tables->auxv, auxv, bytes);
    /* The file goes on with zeros after AT_NULL. */
    for (uint32_t i = 0; i < bytes / 8; i += 2) {
        tables->head.auxv_words = i + 2;
        if (tables->auxv[i] == 0)
            break;
    }
    rc = link_capture(tables, pid, "exe", &tables->head.exe, err);
    return rc < 0 ? rc : link_capture(tables, pid, "cwd", &tables->head.cwd, err);
}
