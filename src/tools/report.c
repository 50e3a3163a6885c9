/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - what a launcher tells about a job. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "proto/apps.h"
#include "tools/map_json.h"
#include "tools/report.h"
#include "tools/start.h"
#include "tools/text.h"

#define PROGRAM_BYTES_MAX (256 << 20)

void report_binding(const struct bp_job *job, const struct map_job *map,
                    const struct verdict *verdict, uint32_t number)
{
    const Bpmix__Rank *asked = bp_job_map(job)->ranks[number];
    const struct verdict_rank *rank = &verdict->ranks[number];
    const char *node = bp_job_node_name(job, asked->node);
    if (rank->cpu_bytes == 0) { /* bpspace could not ask the kernel in time */
        fprintf(stderr, "rank %u on %s: has ended already\n", number, node);
        return;
    }
    const struct bp_hardware *hardware = map != NULL ? map_job_hardware(map, number) : NULL;
    auto_free char *where = bp_picture_where(rank->cpus, rank->cpu_bytes, hardware);
    const char *words = bp_job_map(job)->shared ? "not bound, shares "
                        : asked->cpus.len == 0  ? "not bound, may use "
                                                : "";
    fprintf(stderr, "rank %u on %s: %s%s\n", number, node, words, where);
}

/* Each rank's program, where there are several. */
static void add_apps(json_t *ranks, const Bpmix__JobRequest *request)
{
    auto_free struct bp_app_rank *apps = NULL;
    size_t count = json_array_size(ranks);
    if (request->n_apps == 0 ||
        bp_apps_ranks(request->apps, request->n_apps, (uint32_t)count, &apps, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        json_object_set_new(json_array_get(ranks, i), "app", json_integer(apps[i].app));
}

static json_t *rank_row(const struct bp_job *job, const struct map_job *map,
                        const struct verdict *verdict, size_t number)
{
    const struct verdict_rank *rank = &verdict->ranks[number];
    const Bpmix__Rank *place = bp_job_map(job)->ranks[number];
    auto_free char *cpus = bp_cpuset_format(rank->cpus, rank->cpu_bytes);
    auto_free char *node = text_plain(bp_job_node_name(job, place->node));
    json_t *row = json_pack("{s:i s:s s:i s:s s:b s:i}", "rank", (int)number, "node",
                            node, "pid", (int)rank->pid, "cpus",
                            cpus, "started", (int)rank->created, "wait_status",
                            (int)rank->status);
    json_object_set_new(row, "bound",
                        json_boolean(place->cpus.len > 0 && !bp_job_map(job)->shared));
    if (map != NULL && rank->cpu_bytes > 0)
        map_json_where(row, rank->cpus, rank->cpu_bytes,
                       map_job_hardware(map, (uint32_t)number));
    if (!rank->ended)
        json_object_set_new(row, "lost", json_true());
    else if (WIFSIGNALED(rank->status))
        json_object_set_new(row, "signal", json_integer(WTERMSIG(rank->status)));
    else
        json_object_set_new(row, "exit", json_integer(WEXITSTATUS(rank->status)));
    if (rank->failed)
        json_object_set_new(row, "error", json_string(strerror(rank->error)));
    json_object_set_new(row, "cpu_us", json_integer((json_int_t)rank->cpu_us));
    json_object_set_new(row, "maxrss_kib", json_integer(rank->maxrss_kib));
    return row;
}

int report_status(const struct bp_job *job, const struct map_job *map,
                  const struct verdict *verdict, int status, uint64_t ms,
                  const Bpmix__JobRequest *request, FILE *file)
{
    json_t *ranks = json_array();
    for (size_t i = 0; i < verdict->count; i++)
        json_array_append_new(ranks, rank_row(job, map, verdict, i));
    add_apps(ranks, request);
    auto_free char *cause = text_plain(verdict->text);
    json_t *all = json_pack("{s:I s:i s:s s:s s:I s:o}", "job",
                            (json_int_t)bp_job_map(job)->job, "status", status, "cause",
                            cause, "start", start_name(request->start), "ms",
                            (json_int_t)ms, "ranks", ranks);
    int bad = json_dumpf(all, file, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0 ||
              fputc('\n', file) == EOF || fflush(file) == EOF;
    int code = errno;
    json_decref(all);
    return bad ? -code : 0;
}

/* The file that the command's first word means, as execvp would find it. */
static int open_program(const char *name)
{
    if (strchr(name, '/') != NULL)
        return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *path = getenv("PATH");
    auto_free char *copy = bp_strdup(path != NULL ? path : "/bin:/usr/bin");
    char *save = NULL;
    for (char *dir = strtok_r(copy, ":", &save); dir != NULL; dir = strtok_r(NULL, ":", &save)) {
        auto_free char *full = bp_format("%s/%s", dir, name);
        int fd = access(full, X_OK) == 0 ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static int names_libmpi(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 4 ||
        st.st_size > PROGRAM_BYTES_MAX)
        return 0;
    const char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return 0;
    int found = memcmp(bytes, "\177ELF", 4) == 0 &&
                memmem(bytes, (size_t)st.st_size, "libmpi.so", strlen("libmpi.so")) != NULL;
    munmap((void *)bytes, (size_t)st.st_size);
    return found;
}

int report_singletons(const Bpmix__JobRequest *request, const struct verdict *verdict)
{
    if (!request->mpi || verdict->count < 2)
        return 0;
    for (size_t i = 0; i < verdict->count; i++)
        if (verdict->ranks[i].connected)
            return 0;
    auto_close int fd = open_program(request->argv[0]);
    return fd >= 0 && names_libmpi(fd);
}
