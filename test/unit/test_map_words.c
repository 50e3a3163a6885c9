/* SPDX-License-Identifier: BSD-3-Clause */
/* test_map_words.c - the words of --map-by and its kin: what they mean, and what they are told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/request.h"
#include "tap.h"

/* What each of the texts says, or the sentence about the first that is wrong. */
static char *read_words(const char *map, const char *rank, const char *bind, const char *deal,
                        const char *mem, const char *gpu)
{
    struct bp_place_request r = {0};
    struct bp_place_words words = {0};
    struct bp_error err = {0};
    char *text;
    if (bp_words_map(map, &r, &words, &err) < 0 || bp_words_rank(rank, &r, &err) < 0 ||
        bp_words_bind(bind, &r, &err) < 0 || bp_words_deal(deal, &r, &err) < 0 ||
        bp_words_mem(mem, &r, &err) < 0 || bp_words_gpu(gpu, &r, &words, &err) < 0)
        text = bp_strdup(err.text);
    else
        text = bp_format("map %d object %d device %d count %u pe %u%s%s over %d list %zu rank %d "
                         "bind %d%s deal %d %d %d plane %u mem %d gpu %d share %u map %zu",
                         r.map_by, r.map_object, (int)r.map_device, r.map_count, r.cpus_per_rank,
                         r.map_span ? " span" : "", r.map_fill ? " fill" : "", r.oversubscribe,
                         r.pe_list_count, r.rank_by, r.bind_to, r.overload ? " overload" : "",
                         r.deal_nodes, r.deal_packages, r.deal_cores, r.plane, r.mem_local,
                         r.gpu_bind, r.gpu_share, r.gpu_map_count);
    bp_words_done(&words);
    return text;
}

static void expect(const char *map, const char *rank, const char *bind, const char *deal,
                   const char *mem, const char *gpu, const char *want)
{
    auto_free char *got = read_words(map, rank, bind, deal, mem, gpu);
    if (strncmp(got, want, strlen(want)) != 0)
        printf("# got  \"%s\"\n# want \"%s...\"\n", got, want);
    CU_ASSERT_EQUAL(strncmp(got, want, strlen(want)), 0);
}

static void map(const char *text, const char *want)
{
    expect(text, "", "", "", "", "", want);
}

static void maps(void)
{
    map("", "map 0 object 0 device 0 count 0 pe 0 over 0 list 0 rank 0 bind 0 deal 0 0 0 plane 0 "
        "mem 0 gpu 0 share 0 map 0");
    map("slot", "map 1 ");
    map("core:pe=4", "map 2 object 3 device 0 count 0 pe 4 over 0");
    map("socket:span", "map 2 object 8 device 0 count 0 pe 0 span over 0");
    map("l3cache:fill:oversubscribe", "map 2 object 6 device 0 count 0 pe 0 fill over 1");
    map("node:nooversubscribe", "map 3 object 9 device 0 count 0 pe 0 over 2");
    map("device=gpu", "map 4 object 0 device 1");
    map("device=nic:pe=2", "map 4 object 0 device 2 count 0 pe 2");
    map("ppr:2:l2", "map 5 object 5 device 0 count 2");
    map("seq", "map 6 ");
    map("rankfile", "map 7 ");
    map("pe-list=0,7,2-5", "map 8 object 0 device 0 count 0 pe 0 over 0 list 6");
    map(":pe=3", "map 0 object 0 device 0 count 0 pe 3");
}

static void bad_maps(void)
{
    map("moon", "--map-by 'moon' is not one of slot, hwthread, core, l1,");
    map("none", "--map-by 'none' is not one of");
    map("core:", "--map-by: '' is not one of pe=N, span, fill, oversubscribe, nooversubscribe");
    map("core:pe=", "--map-by: 'pe=' is not pe= and a number");
    map("core:pe=0", "--map-by: 'pe=0' is not pe= and a number");
    map("core:pe=-1", "--map-by: 'pe=-1' is not pe= and a number");
    map("core:pe=999999999999", "--map-by: 'pe=999999999999' is not pe= and a number");
    map("device=fpga", "--map-by: device 'fpga' is not one of gpu, nic");
    map("ppr", "--map-by ppr: '' is no number of ranks");
    map("ppr:x:core", "--map-by ppr: 'x' is no number of ranks");
    map("ppr:2", "--map-by ppr:2: '' is not one of hwthread, core,");
    map("ppr:2:moon", "--map-by ppr:2: 'moon' is not one of hwthread, core,");
    map("pe-list=", "--map-by pe-list=: '' is no list of numbers");
    map("pe-list=1,", "--map-by pe-list=: '1,' is no list of numbers");
    map("pe-list=3-1", "--map-by pe-list=: '3-1' is no list of numbers below 8192");
    map("pe-list=9000", "--map-by pe-list=: '9000' is no list of numbers below 8192");
    map("pe-list=1x", "--map-by pe-list=: '1x' is no list of numbers");
    map("pe-list=0-8191,0", "--map-by pe-list=: '0-8191,0' is no list of numbers below 8192");
}

#define REST "map 0 object 0 device 0 count 0 pe 0 over 0 list 0 "

static void others(void)
{
    expect("", "span", "", "", "", "", REST "rank 4 ");
    expect("", "", "package:overload-allowed", "", "", "", REST "rank 0 bind 8 overload ");
    expect("", "", ":overload-allowed", "", "", "", REST "rank 0 bind 0 overload ");
    expect("", "", "", "cyclic:block:fcyclic", "", "", REST "rank 0 bind 0 deal 2 1 3 ");
    expect("", "", "", "*:cyclic", "", "", REST "rank 0 bind 0 deal 0 2 0 ");
    expect("", "", "", "plane=4:block", "", "", REST "rank 0 bind 0 deal 4 1 0 plane 4");
    expect("", "", "", "arbitrary", "", "", "map 6 ");
    expect("", "", "", "", "local", "map:3,1",
           REST "rank 0 bind 0 deal 0 0 0 plane 0 mem 1 gpu 3 share 0 map 2");
    expect("", "", "", "", "none", "single:3",
           REST "rank 0 bind 0 deal 0 0 0 plane 0 mem 0 gpu 4 share 3");
}

static void bad_others(void)
{
    expect("", "moon", "", "", "", "", "--rank-by 'moon' is not one of slot, node, fill, span");
    expect("", "", "node", "", "", "", "--bind-to 'node' is not one of none, hwthread, core,");
    expect("", "", "core:x", "", "", "", "--bind-to: 'x' is not overload-allowed");
    expect("", "", "", "fcyclic", "", "", "-m 'fcyclic' is not block, cyclic, plane=N or arbitrary");
    expect("", "", "", "block:x", "", "", "-m 'block:x' is not block, cyclic,");
    expect("", "", "", "plane=0", "", "", "-m 'plane=0' is not block, cyclic,");
    expect("", "", "", "block:block:block:block", "", "", "-m 'block:block:block:block' is not");
    expect("", "", "", "", "far", "", "--mem-bind 'far' is not one of none, local");
    expect("", "", "", "", "", "map:", "--gpu-bind map:: '' is no list of numbers");
    expect("", "", "", "", "", "single:0", "--gpu-bind 'single:0' is not one of closest, none,");
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"--map-by", maps},
        {"--map-by that is wrong", bad_maps},
        {"--rank-by, --bind-to, -m, --mem-bind, --gpu-bind", others},
        {"those that are wrong", bad_others},
        {NULL, NULL},
    };
    return bp_tap_run("map_words", tests);
}
