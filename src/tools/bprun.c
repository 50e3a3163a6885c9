/* SPDX-License-Identifier: BSD-3-Clause */
/* bprun.c - start a parallel job on the nodes, each rank a child of this process. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/std.h"
#include "tools/map_show.h"
#include "tools/options.h"
#include "tools/run.h"

/* Several programs: ps shows the words of all for the ghosts. */
static char **all_words(const struct apps *apps, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < apps->count; i++)
        count += apps->rows[i].argc + 1;
    char **words = bp_calloc(count, sizeof *words);
    *ret_count = count - 1;
    count = 0;
    for (size_t i = 0; i < apps->count; i++) {
        if (i > 0)
            words[count++] = (char *)":";
        memcpy(words + count, apps->rows[i].argv, apps->rows[i].argc * sizeof *words);
        count += apps->rows[i].argc;
    }
    return words;
}

static int show_map(struct options *options, char **argv, int argc)
{
    options->map.show_bindings |= options->place.report_bindings;
    auto_free char *command = map_show_command(argv, (size_t)argc);
    if (options->apps.ranks > 0) {
        options->map.apps = apps_messages(&options->apps);
        options->map.app_count = options->apps.count;
    }
    int status = map_show_dry(&options->place.place, &options->map, options->policy.tool, command);
    apps_messages_free(options->map.apps, options->map.app_count);
    return status;
}

static int run(struct options *options)
{
    Bpmix__JobRequest request;
    Bpmix__Place own_place;
    Bpmix__Launcher launcher;
    size_t word_count;
    auto_free char **words = all_words(&options->apps, &word_count);
    bp_job_request_init(&request, &own_place, &launcher, (int)word_count, words);
    request.place = &options->place.place;
    request.immediate = options->place.immediate;
    request.immediate_s = options->place.immediate_s;
    request.mpi = options->mpi;
    request.start = options->warm ? BPMIX__START__SELF : options->start;
    options->policy.report_bindings = options->place.report_bindings;
    options->policy.map = &options->map;
    io_options_apply(&options->io, &request, &options->policy);
    if (options->apps.ranks > 0) {
        request.apps = apps_messages(&options->apps);
        request.n_apps = options->apps.count;
    }
    int status = run_job(&request, &options->policy);
    apps_messages_free(request.apps, request.n_apps);
    bp_job_request_done(&request);
    return status;
}

/* Its names: bprun; bpmpirun, whose letters are mpirun's; bpmap, which only shows. */
int main(int argc, char **argv)
{
    static char version[64];
    const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    int mpirun = strcmp(name, "bpmpirun") == 0, map = strcmp(name, "bpmap") == 0;
    const char *tool = mpirun ? "bpmpirun" : map ? "bpmap" : "bprun";
    struct options options = {.mpirun = mpirun, .map = {.dry = map}, .mpi = 1,
                              .policy = {.tool = tool, .kill_wait_ms = 5000}};
    snprintf(version, sizeof version, "%s (bpmix) " BP_VERSION, tool);
    argp_program_version = version;
    bp_std_open();
    options_parse(&options, argc, argv);
    int status = options.map.dry ? show_map(&options, argv, argc) : run(&options);
    options_done(&options);
    return status;
}
