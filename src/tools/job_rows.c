/* SPDX-License-Identifier: BSD-3-Clause */
/* job_rows.c - jobs as text. */
#include <stdio.h>

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

static json_t *jobs_json(const Bpmix__JobList *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_jobs; i++) {
        const Bpmix__JobRow *j = list->jobs[i];
        auto_free char *command = text_plain(j->command);
        json_array_append_new(
            array, json_pack("{s:I s:i s:s s:i s:s s:i s:I s:s}", "job", (json_int_t)j->job,
                             "uid", (int)j->uid, "state", j->state, "ranks", (int)j->ranks,
                             "nodes", j->nodes, "launcher", (int)j->launcher_pid, "age_ms",
                             (json_int_t)j->age_ms, "command", command));
    }
    return json_pack("{s:o}", "jobs", array);
}

static void print_jobs(const Bpmix__JobList *list)
{
    printf("%-16s %6s %-9s %6s %-12s %8s %8s  %s\n", "JOB", "UID", "STATE", "RANKS", "NODES",
           "LAUNCHER", "SECONDS", "COMMAND");
    for (size_t i = 0; i < list->n_jobs; i++) {
        const Bpmix__JobRow *j = list->jobs[i];
        auto_free char *command = text_plain(j->command);
        printf("%-16llu %6u %-9s %6u %-12s %8d %8llu  %s\n", (unsigned long long)j->job, j->uid,
               j->state, j->ranks, j->nodes, j->launcher_pid,
               (unsigned long long)(j->age_ms / 1000), command);
    }
}

int job_rows_show(int as_json, struct bp_error *err)
{
    auto_unpack Bpmix__JobList *list = ask_jobs(err);
    if (list == NULL)
        return err->code;
    if (as_json)
        print_json(jobs_json(list));
    else
        print_jobs(list);
    return 0;
}
