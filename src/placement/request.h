/* SPDX-License-Identifier: BSD-3-Clause */
/* request.h - what a user asks of placement, the same whether in srun's or in mpirun's words. */
#ifndef BP_PLACEMENT_REQUEST_H
#define BP_PLACEMENT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "placement/hardware.h"

/* Parts of a computer, smallest first. */
enum bp_object {
    BP_OBJECT_DEFAULT, /* not said */
    BP_OBJECT_NONE,
    BP_OBJECT_HWTHREAD,
    BP_OBJECT_CORE,
    BP_OBJECT_L1,
    BP_OBJECT_L2,
    BP_OBJECT_L3,
    BP_OBJECT_NUMA,
    BP_OBJECT_PACKAGE,
    BP_OBJECT_NODE,
};

enum bp_map_by {
    BP_MAP_DEFAULT,  /* fill nodes (deal evenly with -N, -w), spread inside */
    BP_MAP_SLOT,     /* fill nodes, cores one after the other */
    BP_MAP_OBJECT,   /* fill nodes, objects of map_object in turn */
    BP_MAP_NODE,     /* deal nodes in turn */
    BP_MAP_DEVICE,   /* fill nodes, devices of map_device in turn, on the cores near them */
    BP_MAP_PPR,      /* map_count ranks on each map_object */
    BP_MAP_SEQ,      /* rank i on the i-th of hosts */
    BP_MAP_RANKFILE, /* as rankfile says */
    BP_MAP_PE_LIST,  /* ranks of a node on the CPUs of pe_list, in that order */
};

enum bp_rank_by { BP_RANK_DEFAULT, BP_RANK_SLOT, BP_RANK_NODE, BP_RANK_FILL, BP_RANK_SPAN };
enum bp_deal { BP_DEAL_DEFAULT, BP_DEAL_BLOCK, BP_DEAL_CYCLIC, BP_DEAL_FCYCLIC, BP_DEAL_PLANE };
enum bp_choice { BP_CHOICE_DEFAULT, BP_CHOICE_YES, BP_CHOICE_NO };
enum bp_gpu_bind {
    BP_GPU_DEFAULT,
    BP_GPU_CLOSEST,
    BP_GPU_NONE,   /* each rank sees every GPU that the job has on its node */
    BP_GPU_MAP,    /* local rank i: GPU gpu_map[i], over and over */
    BP_GPU_SINGLE, /* the nearest one, shared by gpu_share ranks */
};

struct bp_place_host { /* of --host or --hostfile; the same node may come again */
    int number;
    uint32_t slots; /* ranks it is for; 0 = as many as it has cores */
    uint32_t most;  /* it may have, even where more than its slots are meant; 0 = any number */
};

struct bp_place_row { /* of a rankfile; rows are by rank */
    int number;       /* of the node */
    int package;      /* cpus are numbers of cores in this package; -1 = of the node's CPUs */
    uint8_t *cpus;    /* mask; 0 bytes = any */
    size_t cpus_bytes;
};

struct bp_cpu_mask { /* of srun's map_cpu and mask_cpu */
    uint8_t *cpus;
    size_t bytes;
};

/* 0, NULL or DEFAULT = not said. */
struct bp_place_request {
    uint32_t ranks;             /* -n */
    uint32_t nodes_min;         /* -N MIN */
    uint32_t nodes_max;         /* -N MIN-MAX; 0 = nodes_min */
    uint32_t ranks_per_node;    /* --ntasks-per-node */
    uint32_t ranks_per_package; /* --ntasks-per-socket */
    uint32_t ranks_per_core;    /* --ntasks-per-core */
    uint32_t cpus_per_rank;     /* -c or pe=: cores, or hardware threads where those are mapped */
    uint32_t threads_per_rank;  /* OMP_NUM_THREADS: as cpus_per_rank, but less will do */
    bool said_pe;               /* cpus_per_rank was said as pe= */
    const int *list;            /* -w: node numbers */
    size_t list_count;
    const int *exclude; /* -x: node numbers; unknown ones do not matter */
    size_t exclude_count;
    const struct bp_place_host *hosts;
    size_t host_count;
    enum bp_map_by map_by;
    enum bp_object map_object;
    enum bp_device_kind map_device;
    uint32_t map_count;      /* of ppr */
    const uint32_t *pe_list; /* CPUs, in the order written */
    size_t pe_list_count;
    bool map_span, map_fill; /* objects of all nodes are one row; each object is filled */
    enum bp_rank_by rank_by;
    enum bp_object bind_to;
    enum bp_deal deal_nodes, deal_packages, deal_cores; /* -m */
    uint32_t plane;                                     /* -m plane= */
    const struct bp_place_row *rankfile;
    size_t rankfile_count;
    const uint8_t *cpu_list; /* --cpu-set: only these CPUs, a mask */
    size_t cpu_list_bytes;
    const struct bp_cpu_mask *cpu_maps; /* of local rank i, over and over */
    size_t cpu_map_count;
    bool mem_local; /* memory of the rank's own NUMA nodes only */
    uint32_t gpus_per_rank;
    enum bp_gpu_bind gpu_bind;
    const uint32_t *gpu_map;
    size_t gpu_map_count;
    uint32_t gpu_share;
    enum bp_choice oversubscribe; /* more ranks than slots or CPUs: silently, or an error */
    bool overload;                /* ranks may be bound to CPUs of other ranks */
    bool exclusive;               /* no other job on the job's nodes */
    bool overlap;                 /* CPUs of other jobs may be shared */
    bool one_each;                /* bpsh: one rank for each entry of list, in its order */
};

/* The text of one option ("" or NULL = not said) into the request's fields, which point to memory
 * that `words` keeps. 0 or -EINVAL with the word that is wrong. */
struct bp_place_words { /* zeroed */
    uint32_t *pe_list, *gpu_map;
    uint8_t *cpu_list;
    struct bp_cpu_mask *cpu_maps;
    size_t cpu_map_count;
};
int bp_words_map(const char *text, struct bp_place_request *request, struct bp_place_words *words,
                 struct bp_error *err);
int bp_words_rank(const char *text, struct bp_place_request *request, struct bp_error *err);
int bp_words_bind(const char *text, struct bp_place_request *request, struct bp_error *err);
int bp_words_deal(const char *text, struct bp_place_request *request, struct bp_error *err);
int bp_words_mem(const char *text, struct bp_place_request *request, struct bp_error *err);
int bp_words_gpu(const char *text, struct bp_place_request *request, struct bp_place_words *words,
                 struct bp_error *err);
void bp_words_done(struct bp_place_words *words);

#endif
