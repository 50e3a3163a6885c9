/* SPDX-License-Identifier: BSD-3-Clause */
/* job_rows.c - jobs as text. */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "lib/client.h"
#include "tools/job_rows.h"
#include "tools/node_rows.h"
#include "tools/text.h"

static Bpmix__JobList *ask_jobs(struct bp_error *err)
{
    struct bp_local_message message;
    struct bp_frame frame = {.type = BP_JOB_LIST};
    if (bp_client_call(frame, NULL, BP_JOBS, &message, err) < 0)
        return NULL;
    Bpmix__JobList *list = BP_UNPACK(JobList, job_list, message.body, message.frame.length, err);
    bp_local_done(&message);
    return list;
}

static int is_waiting(const Bpmix__JobRow *job)
{
    return strcmp(job->state, "waiting") == 0;
}

static json_t *jobs_json(const Bpmix__JobList *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_jobs; i++) {
        const Bpmix__JobRow *j = list->jobs[i];
        auto_free char *command = text_plain(j->command);
        json_t *row = json_pack("{s:I s:I s:s s:i s:s s:i s:i s:i s:I s:s}", "job",
                                (json_int_t)j->job, "uid", (json_int_t)j->uid, "state", j->state,
                                "ranks", (int)j->ranks, "nodes", j->nodes, "cores",
                                (int)j->cores, "gpus", (int)j->gpus, "launcher",
                                (int)j->launcher_pid, "age_ms", (json_int_t)j->age_ms, "command",
                                command);
        if (is_waiting(j)) {
            auto_free char *reason = text_plain(j->reason);
            json_object_set_new(row, "position", json_integer(j->position));
            json_object_set_new(row, "reason", json_string(reason));
        }
        json_array_append_new(array, row);
    }
    return json_pack("{s:o}", "jobs", array);
}

/* A user by name, where that is known and not too long. */
static const char *user_name(uint32_t uid, char text[16])
{
    const struct passwd *user = getpwuid(uid);
    if (user != NULL && strlen(user->pw_name) <= 8)
        return user->pw_name;
    snprintf(text, 16, "%u", uid);
    return text;
}

/* A number where there is one to tell. */
static const char *count_word(uint32_t count, char text[16])
{
    snprintf(text, 16, count > 0 ? "%u" : "-", count);
    return text;
}

static void print_job(const Bpmix__JobRow *j)
{
    char user[16], ranks[16], cores[16], gpus[16];
    auto_free char *command = text_plain(j->command), *reason = text_plain(j->reason);
    printf("%-16" PRIu64 " %-8s %-8s %6s %6s %5s %-12s %8d %8" PRIu64 "  ", j->job,
           user_name(j->uid, user), j->state, count_word(j->ranks, ranks),
           count_word(j->cores, cores), count_word(j->gpus, gpus),
           j->nodes[0] != '\0' ? j->nodes : "-", j->launcher_pid, j->age_ms / 1000);
    if (is_waiting(j))
        printf("%s (%u: %s)\n", command, j->position, reason);
    else
        printf("%s\n", command);
}

/* Those that run, and then those that wait in their order. */
static int compare_jobs(const void *a, const void *b)
{
    const Bpmix__JobRow *x = *(Bpmix__JobRow *const *)a, *y = *(Bpmix__JobRow *const *)b;
    if (is_waiting(x) != is_waiting(y))
        return is_waiting(x) - is_waiting(y);
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->job > y->job) - (x->job < y->job);
}

static void print_jobs(const Bpmix__JobList *list)
{
    printf("%-16s %-8s %-8s %6s %6s %5s %-12s %8s %8s  %s\n", "JOB", "USER", "STATE", "RANKS",
           "CORES", "GPUS", "NODES", "LAUNCHER", "SECONDS", "COMMAND");
    for (size_t i = 0; i < list->n_jobs; i++)
        print_job(list->jobs[i]);
}

int job_rows_show(int as_json, struct bp_error *err)
{
    auto_unpack Bpmix__JobList *list = ask_jobs(err);
    if (list == NULL)
        return err->code;
    if (list->n_jobs > 1)
        qsort(list->jobs, list->n_jobs, sizeof *list->jobs, compare_jobs);
    if (as_json)
        print_json(jobs_json(list));
    else
        print_jobs(list);
    return 0;
}
