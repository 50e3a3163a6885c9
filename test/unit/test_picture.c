/* SPDX-License-Identifier: BSD-3-Clause */
/* test_picture.c - maps as text art, as SVG and as lines: small ones to the letter, big ones by what
 * must be in them. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture.h"
#include "tap.h"

#define RANKS 64
#define NODES 40

/* A map under construction: nodes of one hardware, ranks with masks. */
struct made {
    struct bp_hardware hardware[2];
    struct bp_place_node nodes[NODES];
    struct bp_map map;
    struct bp_map_node map_nodes[NODES];
    struct bp_map_rank ranks[RANKS];
    uint8_t masks[RANKS][8], used[8];
    uint32_t gpus[RANKS];
    const char *notes[NODES];
    struct bp_picture picture;
};

static const char two_cpus[] = "bphardware 1 2 0 0\n"
                               "slot 0 0 0 0 0 0 0 0\n"
                               "slot 1 1 0 0 0 0 1 1\n";
/* 2 packages, one with a GPU, of 2 NUMA nodes of 2 L3 caches of one core of two threads */
static const char eight_cores[] = "bphardware 1 16 2 0\n"
                                  "slot 0 0 0 0 0 0 0 0\n"
                                  "slot 1 1 1 0 0 0 1 1\n"
                                  "slot 2 2 2 1 0 0 2 2\n"
                                  "slot 3 3 3 1 0 0 3 3\n"
                                  "slot 4 4 4 2 1 0 4 4\n"
                                  "slot 5 5 5 2 1 0 5 5\n"
                                  "slot 6 6 6 3 1 0 6 6\n"
                                  "slot 7 7 7 3 1 0 7 7\n"
                                  "slot 8 0 0 0 0 0 0 0\n"
                                  "slot 9 1 1 0 0 0 1 1\n"
                                  "slot 10 2 2 1 0 0 2 2\n"
                                  "slot 11 3 3 1 0 0 3 3\n"
                                  "slot 12 4 4 2 1 0 4 4\n"
                                  "slot 13 5 5 2 1 0 5 5\n"
                                  "slot 14 6 6 3 1 0 6 6\n"
                                  "slot 15 7 7 3 1 0 7 7\n"
                                  "device nic other mlx5_0 - 0000:18:00.0 - 1 -\n"
                                  "device gpu nvidia nvml0 GPU-7 0000:17:00.0 3 1 -\n";
static const char hybrid[] = "bphardware 1 4 0 0\n"
                             "slot 0 0 0 0 0 1 0 0\n"
                             "slot 3 0 0 0 0 1 0 0\n"
                             "slot 1 1 0 0 0 0 1 1\n"
                             "slot 2 2 0 0 0 0 1 2\n";

static void take_hardware(struct made *made, size_t index, const char *text)
{
    struct bp_error err = {0};
    bp_hardware_parse(text, strlen(text), &made->hardware[index], &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static struct made *make(const char *hardware, uint32_t nodes)
{
    struct made *made = bp_calloc(1, sizeof *made);
    take_hardware(made, 0, hardware);
    for (uint32_t i = 0; i < nodes; i++) {
        made->nodes[i] = (struct bp_place_node){
            .number = (int)i, .machine = i, .hardware = &made->hardware[0]};
        made->map_nodes[i] = (struct bp_map_node){.number = (int)i, .index = i};
    }
    made->map = (struct bp_map){
        .ranks = made->ranks, .nodes = made->map_nodes, .node_count = nodes};
    made->picture = (struct bp_picture){.map = &made->map, .nodes = made->nodes};
    return made;
}

static void done(struct made *made)
{
    bp_hardware_done(&made->hardware[0]);
    bp_hardware_done(&made->hardware[1]);
    free(made);
}

/* One more rank on a node, bound to these CPUs (-1 ends them; none: not bound). */
static void add(struct made *made, uint32_t node, const int *cpus)
{
    uint32_t number = made->map.rank_count++;
    struct bp_map_rank *rank = &made->ranks[number];
    *rank = (struct bp_map_rank){.node = node, .local = made->map_nodes[node].ranks++,
                                 .cpus = made->masks[number], .nic = BP_NOWHERE};
    for (; *cpus >= 0; cpus++) {
        bp_cpuset_add(made->masks[number], sizeof made->masks[number], (unsigned)*cpus);
        rank->cpus_bytes = sizeof made->masks[number];
    }
}

#define CPUS(...) ((const int[]){__VA_ARGS__, -1})

static void expect(const struct made *made, unsigned columns, const char *wanted)
{
    auto_free char *text =
        bp_picture_text(&made->picture, &(struct bp_picture_style){.columns = columns});
    if (strcmp(text, wanted) != 0)
        printf("# got\n%s# wanted\n%s", text, wanted);
    CU_ASSERT_STRING_EQUAL(text, wanted);
}

static void smallest(void)
{
    struct made *made = make(two_cpus, 1);
    add(made, 0, CPUS(0));
    expect(made, 80, "n0: rank 0\n"
                     "  package 0  numa 0  cores 0-1  [ 0 . ]\n"
                     ".  free\n");
    add(made, 0, CPUS(1));
    expect(made, 80, "n0: ranks 0-1\n"
                     "  package 0  numa 0  cores 0-1  [ 0 1 ]\n");
    done(made);
}

static void whole_computer(void)
{
    struct made *made = make(eight_cores, 1);
    add(made, 0, CPUS(0, 8, 1, 9));
    add(made, 0, CPUS(2));
    add(made, 0, CPUS(10));
    add(made, 0, CPUS(6, 7, 14, 15));
    made->ranks[3].gpus = &made->gpus[3];
    made->ranks[3].gpu_count = 1;
    made->gpus[3] = 1;
    made->ranks[1].nic = made->ranks[3].nic = 0;
    made->used[0] = 0x10; /* CPUs 4 and 12 */
    made->used[1] = 0x10;
    made->nodes[0].used = made->used;
    made->nodes[0].used_bytes = sizeof made->used;
    expect(made, 80, "n0: ranks 0-3\n"
                     "  package 0  numa 0  cores 0-1  [   0 |   0 ]\n"
                     "             numa 1  cores 2-3  [ 1:2 |   . ]\n"
                     "  package 1  numa 2  cores 4-5  [   # |   . ]\n"
                     "             numa 3  cores 6-7  [   3 |   3 ]\n"
                     "                     gpu 0 (nvidia nvml0 0000:17:00.0): rank 3\n"
                     "             nic mlx5_0 (0000:18:00.0): near ranks 1,3\n"
                     ".  free    #  in use by other jobs    a:b  threads of one core\n");
    auto_free char *line = bp_picture_line(&made->picture, 3);
    CU_ASSERT_STRING_EQUAL(line, "rank 3 on n0: package 1, numa 3, L3s 6-7, cores 6-7 "
                                 "(CPUs 6-7,14-15) [..|..|..|..][..|..|BB|BB], gpu 0, nic mlx5_0");
    uint8_t second = 2;
    made->nodes[0].used_devices = &second;
    made->nodes[0].used_devices_bytes = 1;
    made->ranks[3].gpu_count = 0;
    auto_free char *text =
        bp_picture_text(&made->picture, &(struct bp_picture_style){.columns = 80});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "gpu 0 (nvidia nvml0 0000:17:00.0): other jobs\n"));
    done(made);
}

static void many_alike(void)
{
    struct made *made = make(two_cpus, 10);
    for (uint32_t node = 0; node < 10; node++)
        for (int cpu = 0; cpu < 2; cpu++)
            if (node != 4 || cpu == 0)
                add(made, node, CPUS(cpu));
    for (size_t i = 0; i < 10; i++)
        made->notes[i] = "a.xml"; /* all the same: nobody needs it */
    made->picture.notes = made->notes;
    expect(made, 80, "n0: ranks 0-1\n"
                     "  package 0  numa 0  cores 0-1  [  0  1 ]\n"
                     "n1-n3: as n0, ranks +2 from each to the next\n"
                     "n4: rank 8\n"
                     "  package 0  numa 0  cores 0-1  [  8  . ]\n"
                     "n5: ranks 9-10\n"
                     "  package 0  numa 0  cores 0-1  [  9 10 ]\n"
                     "n6-n9: as n5, ranks +2 from each to the next\n"
                     ".  free\n");
    made->notes[1] = "b.xml";
    made->map.node_count = 3;
    made->map.rank_count = 6;
    expect(made, 80, "n0 (a.xml): ranks 0-1\n"
                     "  package 0  numa 0  cores 0-1  [ 0 1 ]\n"
                     "n1 (b.xml): ranks 2-3\n"
                     "  package 0  numa 0  cores 0-1  [ 2 3 ]\n"
                     "n2 (a.xml): ranks 4-5\n"
                     "  package 0  numa 0  cores 0-1  [ 4 5 ]\n");
    done(made);
}

/* Round robin: a node's ranks are one higher than the one's before; another computer is not alike. */
static void dealt_out(void)
{
    struct made *made = make(two_cpus, 3);
    take_hardware(made, 1, hybrid);
    made->nodes[2].hardware = &made->hardware[1];
    for (int cpu = 0; cpu < 2; cpu++)
        for (uint32_t node = 0; node < 3; node++)
            add(made, node, CPUS(cpu));
    expect(made, 80, "n0: ranks 0,3\n"
                     "  package 0  numa 0  cores 0-1  [ 0 3 ]\n"
                     "n1: as n0, ranks +1\n"
                     "n2: ranks 2,5\n"
                     "  package 0  numa 0  core 0     [ 2:. ]\n"
                     "                     cores 1-2  [   5   . ]\n"
                     ".  free    a:b  threads of one core\n");
    done(made);
}

static void not_bound(void)
{
    struct made *made = make(two_cpus, 1);
    for (int i = 0; i < 5; i++)
        add(made, 0, CPUS(0));
    made->map.shared = true; /* more ranks than CPUs: all have the mask of all */
    expect(made, 80, "n0: ranks 0-4, not bound\n"
                     "  package 0  numa 0  cores 0-1  [ * . ]\n"
                     ".  free    *  shared by ranks not bound\n");
    auto_free char *line = bp_picture_line(&made->picture, 4);
    CU_ASSERT_STRING_EQUAL(line, "rank 4 on n0: not bound, shares package 0, numa 0, L3 0, core 0 "
                                 "(CPU 0) [B/.]");
    made->map.shared = false;
    for (int i = 0; i < 5; i++)
        made->ranks[i].cpus_bytes = 0;
    expect(made, 80, "n0: ranks 0-4, not bound\n"
                     "  package 0  numa 0  cores 0-1  [ * * ]\n"
                     "*  shared by ranks not bound\n");
    auto_free char *unbound = bp_picture_line(&made->picture, 4);
    CU_ASSERT_STRING_EQUAL(unbound, "rank 4 on n0: not bound");
    done(made);
}

static void crowded(void)
{
    struct made *made = make(two_cpus, 1);
    for (int i = 0; i < 40; i++)
        add(made, 0, i % 2 == 0 ? CPUS(0) : i == 1 ? CPUS(0, 1) : CPUS(1));
    expect(made, 80, "n0: ranks 0-39\n"
                     "  package 0  numa 0  cores 0-1  [ (21) (20) ]\n"
                     "(n)  so many ranks\n");
    done(made);
}

/* Rows are no longer than the terminal is wide; caches stay whole. */
static void narrow(void)
{
    auto_free char *text = bp_calloc(1, 65536);
    size_t length = (size_t)sprintf(text, "bphardware 1 60 0 0\n");
    for (int i = 0; i < 60; i++)
        length += (size_t)sprintf(text + length, "slot %d %d %d 0 0 0 %d %d\n", i, i, i / 10, i,
                                  i);
    struct made *made = make(text, 1);
    for (int i = 0; i < 60; i++)
        add(made, 0, CPUS(i));
    auto_free char *wide =
        bp_picture_text(&made->picture, &(struct bp_picture_style){.columns = 110});
    CU_ASSERT_PTR_NOT_NULL(strstr(wide, "cores 0-19   [  0  1"));
    for (unsigned columns = 60; columns < 200; columns++) {
        auto_free char *art =
            bp_picture_text(&made->picture, &(struct bp_picture_style){.columns = columns});
        for (char *line = strtok(art, "\n"); line != NULL; line = strtok(NULL, "\n"))
            CU_ASSERT(strlen(line) <= columns);
    }
    done(made);
}

static void where_without_hardware(void)
{
    uint8_t mask[8] = {0x0f};
    auto_free char *where = bp_picture_where(mask, sizeof mask, NULL);
    CU_ASSERT_STRING_EQUAL(where, "CPUs 0-3");
    struct made *made = make(two_cpus, 1);
    mask[0] = 0xf0; /* CPUs that the node did not tell of */
    auto_free char *other = bp_picture_where(mask, sizeof mask, &made->hardware[0]);
    CU_ASSERT_STRING_EQUAL(other, "CPUs 4-7");
    done(made);
}

static void colours(void)
{
    struct made *made = make(two_cpus, 1);
    add(made, 0, CPUS(0));
    auto_free char *text = bp_picture_text(
        &made->picture, &(struct bp_picture_style){.columns = 80, .colour = true});
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "[ \033[30;48;5;153m0\033[0m . ]"));
    done(made);
}

/* ---- SVG ---- */

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

static void svg_small(void)
{
    struct made *made = make(two_cpus, 1);
    add(made, 0, CPUS(0));
    add(made, 0, CPUS(1));
    made->picture.command = "bprun -n 2 ./a";
    auto_free char *svg = bp_picture_svg(&made->picture);
    auto_free char *path = bp_format("%s/test/unit/picture_small.svg", getenv("BPMIX_SOURCE"));
    FILE *file = fopen(path, "re");
    auto_free char *golden = bp_calloc(1, 65536);
    CU_ASSERT_PTR_NOT_NULL(file);
    if (file != NULL && fread(golden, 1, 65535, file) > 0)
        fclose(file);
    if (strcmp(svg, golden) != 0)
        printf("# got\n%s", svg);
    CU_ASSERT_STRING_EQUAL(svg, golden);
    done(made);
}

static void svg_odd_words(void)
{
    struct made *made = make(two_cpus, 1);
    add(made, 0, CPUS(0));
    made->picture.command = "a<b>&\"c\"\x01\xff\xc3\xa9\xed\xa0\x80]]>\xf0\x9f\x98\x80\xc3";
    auto_free char *svg = bp_picture_svg(&made->picture);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        svg, ">a&lt;b&gt;&amp;&quot;c&quot;??\xc3\xa9???]]&gt;\xf0\x9f\x98\x80?<"));
    made->picture.command = NULL;
    auto_free char *without = bp_picture_svg(&made->picture);
    CU_ASSERT_PTR_NOT_NULL(strstr(without, "<title>1 rank on 1 node</title>"));
    auto_free char *longer = bp_calloc(1, 5000);
    memset(longer, 'x', 4999);
    made->picture.command = longer;
    auto_free char *cut = bp_picture_svg(&made->picture);
    CU_ASSERT_PTR_NOT_NULL(strstr(cut, "xxx\342\200\246</text>"));
    done(made);
}

static void svg_folds(void)
{
    struct made *made = make(two_cpus, 40);
    for (uint32_t node = 0; node < 40; node++)
        add(made, node, CPUS(1));
    auto_free char *folded = bp_picture_svg(&made->picture);
    CU_ASSERT_EQUAL(count_of(folded, "<g>"), 2); /* cores of one node */
    CU_ASSERT_PTR_NOT_NULL(strstr(folded, ">n1-n39<"));
    made->map.node_count = made->map.rank_count = 16;
    auto_free char *whole = bp_picture_svg(&made->picture);
    CU_ASSERT_EQUAL(count_of(whole, "<g>"), 32);
    CU_ASSERT_PTR_NOT_NULL(strstr(whole, ">n15<"));
    done(made);
}

static void svg_whole_computer(void)
{
    struct made *made = make(eight_cores, 1);
    add(made, 0, CPUS(0));
    add(made, 0, CPUS(8));
    made->ranks[0].gpus = &made->gpus[0];
    made->ranks[0].gpu_count = 1;
    made->gpus[0] = 1;
    auto_free char *svg = bp_picture_svg(&made->picture);
    CU_ASSERT_EQUAL(count_of(svg, "class=\"package\""), 2);
    CU_ASSERT_EQUAL(count_of(svg, "class=\"numa\""), 4);
    CU_ASSERT_EQUAL(count_of(svg, "class=\"cache\""), 8);
    CU_ASSERT_EQUAL(count_of(svg, "class=\"rank\""), 3); /* a thread each, and the GPU */
    CU_ASSERT_EQUAL(count_of(svg, ">gpu 0<"), 1);
    CU_ASSERT_EQUAL(count_of(svg, ">rank 0<"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(svg, ">nic mlx5_0<"));
    for (int i = 0; i < 20; i++)
        add(made, 0, CPUS(3, 11)); /* in as many colours as can be told apart */
    auto_free char *crowd = bp_picture_svg(&made->picture);
    CU_ASSERT_EQUAL(count_of(crowd, "<path fill=\"#") - count_of(svg, "<path fill=\"#"), 8);
    CU_ASSERT_EQUAL(count_of(crowd, "class=\"frame\""), 1);
    CU_ASSERT_EQUAL(count_of(crowd, ">2-21<"), 1);
    done(made);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"two CPUs", smallest},
        {"packages, NUMA nodes, caches, threads, devices, other jobs", whole_computer},
        {"nodes that look alike are one line", many_alike},
        {"ranks dealt out; another computer; fast and slow cores", dealt_out},
        {"ranks that are not bound", not_bound},
        {"more ranks on a core than can be written", crowded},
        {"a narrow terminal", narrow},
        {"a mask without hardware", where_without_hardware},
        {"colours", colours},
        {"SVG to the letter", svg_small},
        {"odd words in SVG", svg_odd_words},
        {"many nodes in SVG", svg_folds},
        {"all kinds of boxes in SVG", svg_whole_computer},
        {NULL, NULL},
    };
    return bp_tap_run("picture", tests);
}
