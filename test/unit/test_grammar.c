/* SPDX-License-Identifier: BSD-3-Clause */
/* test_grammar.c - the same request in srun's and in mpirun's words: one Place, or one map. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "place_build.h"
#include "placement/wire.h"
#include "tap.h"
#include "tools/options.h"

#define NODES     4
#define WORDS_MAX 32

/* What the tool makes of a command line; the words last as long. */
struct command {
    struct options options;
    char *text, *words[WORDS_MAX];
};

static void command_init(struct command *command, const char *text)
{
    int count = 0;
    memset(command, 0, sizeof *command);
    command->text = bp_strdup(text);
    char *rest = command->text;
    for (char *word; count < WORDS_MAX - 1 && (word = strsep(&rest, " ")) != NULL;)
        command->words[count++] = word;
    command->options.mpirun = strcmp(command->words[0], "bpmpirun") == 0;
    options_parse(&command->options, count, command->words);
}

static void command_done(struct command *command)
{
    options_done(&command->options);
    free(command->text);
}

/* ---- as a Place ---- */

static char *place_text_of(const struct command *command)
{
    const Bpmix__Place *place = &command->options.place.place;
    size_t length = bpmix__place__get_packed_size(place);
    uint8_t *bytes = bp_calloc(length + 1, 1);
    bpmix__place__pack(place, bytes);
    char *text = bp_calloc(2 * length + 1, 1);
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    free(bytes);
    return text;
}

/* ---- as a map ---- */

static struct {
    struct bp_slot slots[512];
    struct bp_hardware hardware;
    struct bp_place_node nodes[NODES];
    struct bp_nodeset_node table[NODES];
} cluster;

/* Four nodes of 2 packages x 2 NUMA nodes x 2 L3 caches x 2 cores x 2 threads. */
static void cluster_make(void)
{
    static const struct build build = {2, 2, 2, 2, 2, 0};
    cluster.hardware.slots = cluster.slots;
    cluster.hardware.slot_count = build_slots(&build, cluster.slots);
    for (int i = 0; i < NODES; i++) {
        cluster.nodes[i] = (struct bp_place_node){.number = i, .machine = (uint32_t)i + 1,
                                                  .hardware = &cluster.hardware};
        cluster.table[i] = (struct bp_nodeset_node){i, "up", NULL};
    }
}

/* "0@n0:0,8 1@n1:..." in rank order, or the sentence. */
static char *map_text_of(const struct command *command)
{
    struct bp_asked asked;
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int r = bp_asked_init(&asked, &command->options.place.place, cluster.table, NODES, &err);
    if (r == 0) {
        r = bp_place(&asked.request, cluster.nodes, NODES, &map, &err);
        bp_asked_done(&asked);
    }
    for (uint32_t i = 0; r == 0 && i < map->rank_count; i++) {
        auto_free char *cpus = bp_cpuset_format(map->ranks[i].cpus, map->ranks[i].cpus_bytes);
        fprintf(out, "%u@n%d:%s ", i, map->nodes[map->ranks[i].node].number, cpus);
    }
    for (size_t i = 0; r == 0 && i < map->warning_count; i++)
        fprintf(out, "! %s ", map->warnings[i]);
    if (r < 0)
        fprintf(out, "error %s", err.text);
    fclose(out);
    bp_map_free(map);
    return text;
}

/* ---- both ---- */

static char hosts_path[] = "/tmp/test_grammar.XXXXXX";

static void compare(const char *a, const char *b, char *(*text_of)(const struct command *command))
{
    struct command one, two;
    auto_free char *first = bp_format("bprun %s true", a);
    auto_free char *second =
        strncmp(b, "bpmpirun", 8) == 0 ? bp_format("%s true", b) : bp_format("bprun %s true", b);
    command_init(&one, first);
    command_init(&two, second);
    auto_free char *want = text_of(&one), *got = text_of(&two);
    if (strcmp(want, got) != 0 || strncmp(want, "error", 5) == 0)
        printf("# %s\n#   %s\n# %s\n#   %s\n", first, want, second, got);
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT_FALSE(strncmp(want, "error", 5) == 0);
    command_done(&one);
    command_done(&two);
}

static void same_place(void)
{
    static const char *const rows[][2] = {
        {"-n 8", "--np 8"},
        {"-n 8", "-np 8"},
        {"-n8", "bpmpirun -np 8"},
        {"--ntasks=8", "bpmpirun -n 8"},
        {"-n 8", "bpmpirun -c 8"},
        {"-n 4 -n 4", "bpmpirun --np 4 -n 4"},
        {"-n 8 --np 8 --ntasks=08", "--np 8"},
        {"--cpu-bind=cores --bind-to core --cpu-bind=verbose", "--bind-to core"},
        {"-c 2 --map-by core:pe=2", "--map-by core:pe=2 --cpus-per-task=2"},
        {"--hint=multithread --map-by hwthread", "--use-hwthread-cpus"},
        {"-O --map-by :oversubscribe", "--oversubscribe"},
        {"-n 4 -c 2", "bpmpirun -n 4 --cpus-per-task 2"},
        {"-N 2-4 -n 4", "bpmpirun --nodes 2-4 -np 4"},
        {"-n 2 -w 0-1", "bpmpirun -n 2 -nodelist 0-1"},
        {"-n 1 -x 0-1", "bpmpirun -n 1 --exclude=0-1"},
        {"--cpu-bind=none", "--bind-to none"},
        {"--cpu-bind=no", "--bind-to NONE"},
        {"--cpu-bind=cores", "--bind-to core"},
        {"-n 1 --cpu-bind=quiet,cores", "bpmpirun -n 1 -bind-to core:if-supported"},
        {"--cpu-bind=threads", "--bind-to hwthread"},
        {"--cpu-bind=sockets", "--bind-to package"},
        {"--cpu-bind=ldoms", "--bind-to numa"},
        {"-n 9 -O", "--np 9 --oversubscribe"},
        {"-n 9 --overcommit", "--np 9 --map-by :OVERSUBSCRIBE"},
        {"-n 9 --nooversubscribe --hint=multithread", "--np 9 --map-by hwthread:nooversubscribe"},
        {"--hint=nomultithread", "--map-by :corecpus"},
        {"-n 4 -s", "bpmpirun -n 4 --overlap"},
        {"--hint=memory_bound", "--ntasks-per-socket=1"},
        {"--gpu-bind=map_gpu:0,1", "--gpu-bind=map:0,1"},
        {"--cpu-bind=map_cpu:0,0x3,2*2", "--cpu-bind=mask_cpu:0x1,8,4*2"},
        {"--cpu-bind=v,mask_cpu:ff00000000000000000000",
         "--cpu-bind=mask_cpu:0xFF00000000000000000000 --cpu-bind=verbose"},
        {"--map-by Core:PE=2", "--map-by core:pe=2"},
        {"--bind-to core:overload-allowed", "--bind-to Core:Overload-Allowed"},
        {"--map-by ppr:2:node", "bpmpirun -N 2"},
        {"--map-by ppr:2:package", "bpmpirun -npersocket 2"},
        {"--ntasks-per-node=2 --map-by core", "bpmpirun -N 2 --map-by core"},
        {"--host n0:2,n1", "bpmpirun -H n0:2,n1:1"},
        {"--hint=multithread", "--use-hwthread-cpus"},
        {"--ppn 2", "bpmpirun -ppn 2"},
        {"--map-by ppr:1:core", "bpmpirun"},
        {"--map-by ppr:1:core --cpu-bind=none", "bpmpirun -bind-to none"},
        {"--host n0,n1", "bpmpirun -hosts n0,n1"},
        {"--host n0 --host n1:2", "bpmpirun -host n0,n1:2"},
        {"--np 4", "bpmpirun --n 4"},
        {"--map-by ppr:1:node", "bpmpirun -pernode"},
        {"--npernode 2", "bpmpirun -perhost 2"},
        {"--map-by node", "bpmpirun -bynode"},
        {"--map-by slot", "bpmpirun --byslot"},
        {"--map-by core", "bpmpirun -bycore"},
        {"--map-by package", "--bysocket"},
        {"--map-by ppr:2:numa -c 2", "bpmpirun -ppr 2:numa -cpus-per-proc 2"},
        {"-c 3 -n 2", "bpmpirun -n 2 --cpus-per-rank=3"},
        {"-n 2 --bind-to core", "bpmpirun -n 2 -bind-to-core"},
        {"-n 2 --cpu-bind=sockets", "bpmpirun -np 2 --bind-to-socket"},
        {"--cpu-bind=none", "--bind-to-none --nolocal --hetero-nodes"},
        {"-n 1 --gpus-per-task=2", "bpmpirun -n 1 -gpus-per-proc 2 --forward-signals TSTP"},
        {"--cpu-bind=cores --mem-bind=local", "--cpu_bind=v,cores --mem_bind=local"},
        {"--ntasks-per-node=3", "--tasks-per-node=3 --exact -u"},
        {"-n 4 --hint=multithread", "-n 4 --threads-per-core=2 -J name -A people -q low -X -Z"},
        {"-n 4 --hint=nomultithread", "bpmpirun -n 4 -threads-per-core 1 -job-name a -exact"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        compare(rows[i][0], rows[i][1], place_text_of);
}

static void same_file(void)
{
    static const char *const options[] = {"-F", "-w", "--nodefile", "--machinefile"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        auto_free char *a = bp_format("-n 4 %s %s", options[i], hosts_path);
        auto_free char *b = bp_format("bpmpirun -np 4 -hostfile %s", hosts_path);
        compare(a, b, place_text_of);
        auto_free char *c = bp_format("bpmpirun -np 4 -default-hostfile %s", hosts_path);
        compare(a, c, place_text_of);
    }
    auto_free char *a = bp_format("-n 4 -F %s", hosts_path);
    compare(a, "--np 4 --host n1:1,n3:2", place_text_of);
    auto_free char *b = bp_format("bpmpirun -n 4 -f %s", hosts_path);
    compare(a, b, place_text_of);
    auto_free char *c = bp_format("-n 2 --hostfile %s --map-by seq", hosts_path);
    auto_free char *d = bp_format("bpmpirun -n 2 -map-by SEQ:File=%s", hosts_path);
    compare(c, d, place_text_of);
}

static void same_map(void)
{
    static const char *const rows[][2] = {
        {"-n 20", "--np 20"},
        {"-n 4 -c 4", "--np 4 --map-by :pe=4"},
        {"-n 4 -c 4 --cpu-bind=threads", "--np 4 --map-by :pe=4 --bind-to hwthread"},
        {"-n 20 -m block:block", "--np 20 --map-by slot"},
        {"-n 20 -m block", "--np 20"},
        {"-n 20 -m cyclic", "--np 20 --map-by node"},
        {"-N 4 -n 8 -m cyclic", "bpmpirun -np 8 -map-by node -nodes 4"},
        {"-n 40 -m block:cyclic", "--np 40 --map-by package"},
        {"-n 70 -O", "--np 70 --oversubscribe"},
        {"-n 2 -w 1,3", "bpmpirun -np 2 --host n1,n3"},
        {"-n 4 -w 1,3", "bpmpirun -np 4 --host n1:2,n3:2"},
        {"-n 4 -m cyclic -w 1,3", "bpmpirun -np 4 -host n1:2,n3:2 -map-by node"},
        {"-N 4 --ntasks-per-node=2", "bpmpirun -N 2"},
        {"-n 8 --ntasks-per-node=2", "bpmpirun -np 8 -N 2"},
        {"-n 8 --ntasks-per-node=2", "--np 8 --map-by ppr:2:node"},
        {"-N 4 --ntasks-per-socket=1 -n 8", "bpmpirun -npersocket 1"},
        {"--npersocket 2 --npersocket=2", "--map-by ppr:2:package --npersocket 2"},
        {"-n 8 --hint=memory_bound", "--np 8 --map-by ppr:1:package"},
        {"-n 32 --hint=multithread", "--np 32 --map-by hwthread"},
        {"-n 4 --cpu-bind=sockets", "--np 4 --bind-to package"},
        {"-n 4 --cpu-bind=ldoms", "--np 4 --bind-to numa"},
        {"-n 4 --cpu-bind=none", "--np 4 --bind-to none"},
        {"-n 4 --cpu-bind=map_cpu:3,1,2,0", "--np 4 --map-by pe-list=3,1,2,0"},
        {"-n 4 --cpu-bind=map_cpu:3,1,2,0", "-n 4 --cpu-bind=mask_cpu:0x8,2,4,0x1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        compare(rows[i][0], rows[i][1], map_text_of);
}

/* ---- what is no Place ---- */

static void threads(void)
{
    struct command command;
    setenv("OMP_NUM_THREADS", "4,2", 1);
    command_init(&command, "bprun -n 4 true");
    CU_ASSERT_EQUAL(command.options.place.place.threads_per_rank, 4);
    command_done(&command);
    command_init(&command, "bprun -n 4 -c 2 true");
    CU_ASSERT_EQUAL(command.options.place.place.threads_per_rank, 0);
    CU_ASSERT_EQUAL(command.options.place.threads, 0);
    command_done(&command);
    unsetenv("OMP_NUM_THREADS");
    command_init(&command, "bprun -n 4 --map-by core:pe=3:span true");
    CU_ASSERT_TRUE(strcmp(command.options.io.environment.said[0], "OMP_NUM_THREADS=3") == 0);
    command_done(&command);
    command_init(&command, "bprun -n 4 true");
    CU_ASSERT_EQUAL(command.options.io.environment.count, 0);
    command_done(&command);
    command_init(&command, "bprun -n 4 -c 2 --env OMP_NUM_THREADS=7 true");
    CU_ASSERT_EQUAL(command.options.io.environment.count, 1);
    command_done(&command);
}

/* What the tool is told in other words than its own, beside places. */
static void other_words(void)
{
    static const char *const shows[] = {
        "--display map,bind", "--display-map --display=bindings", "--display-devel-map",
        "--display-allocation --display bind"};
    struct command command;
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
        auto_free char *line = bp_format("bprun %s true", shows[i]);
        command_init(&command, line);
        CU_ASSERT_TRUE(command.options.map.show_map && command.options.map.show_bindings);
        CU_ASSERT_FALSE(command.options.map.dry);
        command_done(&command);
    }
    command_init(&command, "bpmpirun -prepend-rank -timestamp-output -output-filename a:nocopy b");
    CU_ASSERT_TRUE(command.options.io.label && command.options.io.stamp);
    CU_ASSERT_STRING_EQUAL(command.options.io.redirect.ends[1].name, "a.%t");
    CU_ASSERT_FALSE(command.options.io.redirect.merge);
    command_done(&command);
    command_init(&command, "bpmpirun --output tag-detailed,timestamp,merge-stderr-to-stdout b");
    CU_ASSERT_TRUE(command.options.io.label && command.options.io.stamp);
    CU_ASSERT_TRUE(command.options.io.redirect.merge);
    command_done(&command);
    command_init(&command, "bprun --test-only -o x%J.%%J.%2t --export=NIL,A=1 --mpi=pmix_v4 b");
    CU_ASSERT_TRUE(command.options.map.dry && command.options.mpi);
    CU_ASSERT_TRUE(command.options.io.environment.is_named_only);
    CU_ASSERT_EQUAL(command.options.io.environment.count, 1);
    CU_ASSERT_STRING_EQUAL(command.options.io.redirect.ends[1].name, "x%j.%s.%%J.%2t");
    command_done(&command);
    command_init(&command, "bpmpirun -preload-binary -gmca btl self -genvlist A,B -x OMPI_* b");
    CU_ASSERT_TRUE(command.options.start_chosen && command.options.start == BPMIX__START__LD);
    CU_ASSERT_EQUAL(command.options.io.environment.count, 3);
    CU_ASSERT_TRUE(command.options.io.environment.is_named_only);
    command_done(&command);
}

/* "2x<a><b>/dir 1x<c>" */
static char *apps_text_of(const struct command *command)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "%u", command->options.place.place.ranks);
    for (size_t i = 0; i < command->options.apps.count; i++) {
        const struct app *app = &command->options.apps.rows[i];
        fprintf(out, " %ux", app->ranks);
        for (size_t k = 0; k < app->argc; k++)
            fprintf(out, "<%s>", app->argv[k]);
        fprintf(out, "%s", app->cwd != NULL ? app->cwd : "");
        for (size_t k = 0; k < app->env_count; k++)
            fprintf(out, "{%s}", app->env[k]);
    }
    fclose(out);
    return text;
}

static void colons(void)
{
    static const char *const rows[][2] = {
        {"bprun -n 2 a b", "2 0x<a><b>"},
        {"bprun -n 2 a : -n 3 b c", "5 2x<a> 3x<b><c>"},
        {"bprun -n 2 sh -c :", "2 0x<sh><-c><:>"},
        {"bprun -n 2 a : b : -n 1 c", "3 2x<a><:><b> 1x<c>"},
        {"bpmpirun -np 2 -wdir /x a : --np 3 b : -n 1 -- c -d", "6 2x<a>/x 3x<b> 1x<c><-d>"},
        {"bpmpirun -x A=1 -mca btl self,tcp -np 1 a : -np 1 -x B=2 b",
         "2 1x<a>{A=1}{OMPI_MCA_btl=self,tcp} 1x<b>{B=2}"},
        {"bpmpirun -x A=1 -genv B 2 --export=ALL,C=3 -np 1 a : -np 1 -wdir /y b",
         "2 1x<a>{A=1} 1x<b>/y"},
        {"bprun -n 1 -D /x a : -n 1 --wdir /y b", "2 1x<a>/x 1x<b>/y"},
        {"bpmpirun -np 2 a -np 3 : -c 1 -wdir /y b", "3 2x<a><-np><3> 1x<b>/y"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct command command;
        command_init(&command, rows[i][0]);
        auto_free char *got = apps_text_of(&command);
        if (strcmp(got, rows[i][1]) != 0)
            printf("# %s\n# gives %s\n# not   %s\n", rows[i][0], got, rows[i][1]);
        CU_ASSERT_STRING_EQUAL(got, rows[i][1]);
        command_done(&command);
    }
}

/* "seq: n0 n1 n1": how ranks are dealt out, and the hosts. */
static char *hosts_text_of(const struct command *command)
{
    const Bpmix__Place *place = &command->options.place.place;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "%s:", place->map_by);
    for (size_t i = 0; i < place->n_hosts; i++)
        fprintf(out, place->hosts[i]->slots > 0 ? " %s:%u" : " %s", place->hosts[i]->node,
                place->hosts[i]->slots);
    fclose(out);
    return text;
}

static void own_hosts(void)
{
    static const char *const rows[][2] = {
        {"-np 2 -host n0,n1 a : -np 1 b", ": n0:1 n1:1"},
        {"-np 2 -host n0 a : -np 1 -host n1 b", "seq: n0 n0 n1"},
        {"-np 5 -host n0,n1 a : -np 3 -host n[2-3] b", "seq: n0 n0 n0 n1 n1 n2 n2 n3"},
        {"-np 5 -host n0:1,n1:2 a : -np 1 -H x.y b", "seq: n0 n0 n1 n1 n1 x.y"},
        {"-np 5 -host n0:1,n1,n2 a : -np 1 -H 3 b", "seq: n0 n0 n1 n1 n2 n3"},
        {"-np 1 -host n0:4,n1 a : -np 1 -H n2 b", "seq: n0 n2"},
        {"-np 2 a : -np 1 b", ":"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct command command;
        auto_free char *line = bp_format("bpmpirun %s", rows[i][0]);
        command_init(&command, line);
        auto_free char *got = hosts_text_of(&command);
        if (strcmp(got, rows[i][1]) != 0)
            printf("# %s\n# gives %s\n# not   %s\n", line, got, rows[i][1]);
        CU_ASSERT_STRING_EQUAL(got, rows[i][1]);
        command_done(&command);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"the same Place in srun's and in mpirun's words", same_place},
        {"one file of nodes under all its options", same_file},
        {"the same map in srun's and in mpirun's words", same_map},
        {"OMP_NUM_THREADS is respected, or set", threads},
        {"other words than bprun's own", other_words},
        {"several programs", colons},
        {"programs with hosts of their own", own_hosts},
        {NULL, NULL},
    };
    unsetenv("OMP_NUM_THREADS");
    cluster_make();
    int fd = mkstemp(hosts_path);
    if (fd < 0 || dprintf(fd, "n1:1\nn3 slots=2\n") < 0)
        return 1;
    close(fd);
    int status = bp_tap_run("grammar", tests);
    unlink(hosts_path);
    return status;
}
