/* SPDX-License-Identifier: BSD-3-Clause */
/* test_topology.c - maps on the topologies of real machines, from the XML files in the folder that
 * the environment variable BPMIX_TOPOLOGIES names. */
#include <stdio.h>

#include "common/mem.h"
#include "place_golden.h"
#include "placement/topology.h"
#include "tap.h"

/* The masks of `ranks` ranks with `cpus` cores each on the machine of that file, joined by blanks.
 */
static char *place_on(const char *file, uint32_t ranks, uint32_t cpus)
{
    struct bp_error err = {0};
    auto_free char *path = bp_format("%s/%s", getenv("BPMIX_TOPOLOGIES"), file);
    struct bp_hardware h __attribute__((cleanup(bp_hardware_done))) = {0};
    if (bp_topology_load(path, &h, &err) < 0)
        return bp_strdup(err.text);
    struct bp_place_node node = {.number = 0, .hardware = &h};
    struct bp_place_request request = {.ranks = ranks, .cpus_per_rank = cpus};
    struct bp_map *map = NULL;
    if (bp_place(&request, &node, 1, &map, &err) < 0)
        return bp_strdup(err.text);
    char *text = bp_strdup("");
    for (uint32_t r = 0; r < map->rank_count; r++) {
        auto_free char *list = bp_cpuset_format(map->ranks[r].cpus, map->ranks[r].cpus_bytes);
        auto_free char *old = text;
        text = bp_format("%s%s%s", old, r > 0 ? " " : "", list);
    }
    bp_map_free(map);
    return text;
}

static void expect(const char *file, uint32_t ranks, uint32_t cpus, const char *want)
{
    auto_free char *got = place_on(file, ranks, cpus);
    if (strcmp(got, want) != 0)
        printf("# %s -n %u -c %u\n# got  \"%s\"\n# want \"%s\"\n", file, ranks, cpus, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
}

static void offlines(void)
{
    expect("16em64t-4s2c2t-offlines.xml", 2, 1, "0 3");
    expect("16em64t-4s2c2t-offlines.xml", 4, 1, "0 1 6 3");
    expect("16em64t-4s2c2t-offlines.xml", 7, 1, /* six cores: they share them */
           "0-1,3-4,6,12,15 0-1,3-4,6,12,15 0-1,3-4,6,12,15 0-1,3-4,6,12,15 0-1,3-4,6,12,15 "
           "0-1,3-4,6,12,15 0-1,3-4,6,12,15");
    expect("16em64t-4s2c2t-offlines.xml", 6, 1, "0 4,12 1 6 3 15");
    expect("16em64t-4s2c2t-offlines.xml", 1, 2, "0,4,12");
    expect("16em64t-4s2c2t-offlines.xml", 3, 2, "0,4,12 1,6 3,15");
}

static void cpusets(void)
{
    expect("16amd64-8n2c-cpusets.xml", 3, 1, "0 2 12");
    expect("16amd64-8n2c-cpusets.xml", 10, 1, "0 1 2 3 5 6 12 13 14 15");
    expect("16amd64-8n2c-cpusets.xml", 2, 2, "0-1 2-3");
}

static void two_packages(void)
{
    expect("24em64t-2n6c2t-pci.xml", 2, 1, "0,12 1,13");
    expect("24em64t-2n6c2t-pci.xml", 3, 1, "0,12 2,14 1,13");
    expect("24em64t-2n6c2t-pci.xml", 12, 1,
           "0,12 2,14 4,16 6,18 8,20 10,22 1,13 3,15 5,17 7,19 9,21 11,23");
    expect("24em64t-2n6c2t-pci.xml", 4, 3,
           "0,2,4,12,14,16 6,8,10,18,20,22 1,3,5,13,15,17 7,9,11,19,21,23");
    expect("24em64t-2n6c2t-pci.xml", 2, 5, "0,2,4,6,8,12,14,16,18,20 1,3,5,7,9,13,15,17,19,21");
    expect("24em64t-2n6c2t-pci.xml", 1, 8, "0-4,6,8,10,12-16,18,20,22");
}

static void sierra(void)
{
    expect("sierra.xml", 2, 1, "0-3 88-91");
    expect("sierra.xml", 4, 2, "0-7 8-15 88-95 96-103");
    expect("sierra.xml", 4, 11, "0-43 44-87 88-131 132-175");
    expect("sierra.xml", 2, 22, "0-87 88-175");
}

static void turin(void)
{
    expect("turin-4gpu-nvml.xml", 4, 1, "0,128 16,144 64,192 80,208");
    expect("turin-4gpu-nvml.xml", 8, 8,
           "0-7,128-135 16-23,144-151 32-39,160-167 48-55,176-183 64-71,192-199 "
           "80-87,208-215 96-103,224-231 112-119,240-247");
    expect("turin-4gpu-nvml.xml", 3, 16, "0-15,128-143 16-31,144-159 64-79,192-207");
    expect("turin-4gpu-nvml.xml", 1, 20, "0-19,128-147");
}

static void kinds(void)
{
    expect("fakecpukinds.xml", 1, 1, "1,3");
    expect("fakecpukinds.xml", 2, 1, "1,3 0,2");
    expect("fakecpukinds.xml", 1, 2, "0-3");
}

static void golden(void)
{
    CU_ASSERT_EQUAL(place_golden_check("real.txt", getenv("BPMIX_TOPOLOGIES")), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"four packages with CPUs off line", offlines},
        {"eight packages under a cpuset, some without memory", cpusets},
        {"two packages of six cores with two threads", two_packages},
        {"two POWER9 packages with four threads a core", sierra},
        {"two packages of 64 cores in L3 groups of eight", turin},
        {"cores of several kinds", kinds},
        {"maps are as written down", golden},
        {NULL, NULL},
    };
    const char *folder = getenv("BPMIX_TOPOLOGIES");
    if (folder == NULL || folder[0] == '\0') {
        printf("1..0 # SKIP BPMIX_TOPOLOGIES is not set\n");
        return 0;
    }
    return bp_tap_run("topology", tests);
}
