/* SPDX-License-Identifier: BSD-3-Clause */
/* hardware.h - what a node has: hardware threads (slots), memory (NUMA nodes), GPUs and NICs. */
#ifndef BP_PLACEMENT_HARDWARE_H
#define BP_PLACEMENT_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cpuset.h"
#include "common/error.h"

#define BP_SLOTS_MAX       BP_CPUS_MAX
#define BP_DEVICES_MAX     256
#define BP_NUMAS_MAX       256
#define BP_DEVICE_NAME_MAX 64             /* bytes of a name, a UUID or a bus id, with the NUL */
#define BP_NOWHERE         UINT32_MAX     /* no such number: a device's place that is not known */
/* bytes of the longest text of bp_hardware_format */
#define BP_HARDWARE_TEXT_MAX                                                                       \
    (BP_SLOTS_MAX * 64u + BP_DEVICES_MAX * 320u + BP_NUMAS_MAX * (32u + BP_NUMAS_MAX * 6u))

/* One hardware thread that a node may use. All numbers are below BP_CPUS_MAX; equal numbers of
 * core, caches, numa, package and kind mean the same object of that computer. */
struct bp_slot {
    uint32_t pu; /* the operating system's number */
    uint32_t core;
    uint32_t l3;
    uint32_t numa; /* logical number: index into the numas, if those are known */
    uint32_t package;
    uint32_t kind; /* of core; higher is faster */
    uint32_t l2;
    uint32_t l1;
};

enum bp_device_kind { BP_DEVICE_GPU = 1, BP_DEVICE_NIC = 2 };
enum bp_vendor { BP_VENDOR_OTHER, BP_VENDOR_NVIDIA, BP_VENDOR_AMD, BP_VENDOR_INTEL };

struct bp_device {
    enum bp_device_kind kind;
    enum bp_vendor vendor;
    char name[BP_DEVICE_NAME_MAX]; /* "nvml0", "mlx5_0": printable, no blank */
    char uuid[BP_DEVICE_NAME_MAX]; /* "" = not known */
    char bus[BP_DEVICE_NAME_MAX];  /* PCI: "0000:17:00.0"; "" = none */
    uint32_t numa;                 /* logical, as the slots count; BP_NOWHERE = not known */
    uint32_t package;
    uint32_t l3; /* BP_NOWHERE: near more than one */
};

struct bp_numa {      /* by logical number */
    uint32_t os;      /* the kernel's number, for set_mempolicy */
    bool has_memory;
};

struct bp_hardware {
    struct bp_slot *slots; /* in placement order; have passed bp_slots_check */
    size_t slot_count;
    struct bp_device *devices; /* in bus order */
    size_t device_count;
    struct bp_numa *numas; /* of the whole computer; none = not known */
    size_t numa_count;
    uint16_t *distances; /* numa_count x numa_count, from row to column; NULL = not known */
};

void bp_hardware_done(struct bp_hardware *hardware);

/* Refuse what a liar made up: too much, a number out of bounds, a PU named twice, a name that is
 * not a printable word. 0 or -EINVAL. */
int bp_hardware_check(const struct bp_hardware *hardware, struct bp_error *err);
int bp_slots_check(const struct bp_slot *slots, size_t count, struct bp_error *err);

/* The text `bptopo` prints (its --help has the lines). The caller frees it. */
char *bp_hardware_format(const struct bp_hardware *hardware);

/* Read exactly such a text of length bytes (no NUL needed). *ret is the caller's; it has passed
 * bp_hardware_check. 0 or -EINVAL: garbage, a cut text or anything behind it. */
int bp_hardware_parse(const char *text, size_t length, struct bp_hardware *ret,
                      struct bp_error *err);

/* What the programs of rank's GPUs read: "CUDA_VISIBLE_DEVICES=...", "ROCR_VISIBLE_DEVICES=...",
 * "ZE_AFFINITY_MASK=...", for each vendor among gpus (indexes into devices); NULL-terminated,
 * at most BP_GPU_WORDS_MAX; the caller frees each. UUIDs where they are known, else the
 * GPU's number among those of its vendor, and then how CUDA is to count. */
#define BP_GPU_WORDS_MAX 4
void bp_gpu_environment(const struct bp_hardware *hardware, const uint32_t *gpus, size_t gpu_count,
                        char *ret_words[BP_GPU_WORDS_MAX + 1]);

#endif
