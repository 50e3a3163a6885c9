/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.c - the hardware of a computer by hwloc: its threads and NUMA nodes. */
#include <errno.h>
#include <string.h>

#include <hwloc.h>

#include "common/mem.h"
#include "placement/topology.h"
#include "placement/topology_devices.h"

/* A slot with what orders it. */
struct thread {
    struct bp_slot slot;
    unsigned thread; /* which thread of its core, from 0 */
    unsigned logical;
};

static void topology_destroy(hwloc_topology_t *topology)
{
    if (*topology != NULL)
        hwloc_topology_destroy(*topology);
}

static void bitmap_free(hwloc_bitmap_t *bitmap)
{
    hwloc_bitmap_free(*bitmap);
}

static int load(const char *xml, const char *synthetic, unsigned long flags,
                enum hwloc_type_filter_e devices, hwloc_topology_t *ret_topology,
                struct bp_error *err)
{
    hwloc_topology_t topology __attribute__((cleanup(topology_destroy))) = NULL;
    if (hwloc_topology_init(&topology) < 0)
        return bp_error_set(err, -ENOMEM, "hwloc cannot start");
    if (xml != NULL && hwloc_topology_set_xml(topology, xml) < 0)
        return bp_error_set(err, -errno, "%s: %s", xml, strerror(errno));
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology, synthetic) < 0)
        return bp_error_set(err, -EINVAL, "'%.100s' is no synthetic topology", synthetic);
    if (hwloc_topology_set_flags(topology, flags | HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) < 0 ||
        hwloc_topology_set_io_types_filter(topology, devices) < 0 ||
        hwloc_topology_load(topology) < 0) {
        int code = errno > 0 ? errno : EIO;
        return bp_error_set(err, -code, "%s: hwloc cannot read the topology: %s",
                            xml != NULL ? xml : "this machine", strerror(code));
    }
    *ret_topology = bp_take_ptr(topology);
    return 0;
}

/* The CPUs to offer: allowed ones, on this machine also inside this process's affinity. */
static int allowed_cpus(hwloc_topology_t topology, hwloc_bitmap_t set, struct bp_error *err)
{
    if (hwloc_topology_is_thissystem(topology) &&
        hwloc_get_cpubind(topology, set, HWLOC_CPUBIND_PROCESS) < 0)
        return bp_error_set(err, -errno, "the CPU affinity is not known: %s", strerror(errno));
    if (!hwloc_topology_is_thissystem(topology))
        hwloc_bitmap_fill(set);
    hwloc_bitmap_and(set, set, hwloc_topology_get_allowed_cpuset(topology));
    return 0;
}

static uint32_t ancestor(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t pu,
                         uint32_t none)
{
    hwloc_obj_t obj = hwloc_get_ancestor_obj_by_type(topology, type, pu);
    return obj != NULL ? obj->logical_index : none;
}

/* Objects of the machine that the type counts. */
static uint32_t objects(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);
    return count > 0 ? (uint32_t)count : 0;
}

/* The first NUMA node near pu; a number of its own for PUs that have none. */
static uint32_t numa_of(hwloc_topology_t topology, hwloc_obj_t pu)
{
    uint32_t count = objects(topology, HWLOC_OBJ_NUMANODE);
    int first = pu->nodeset != NULL ? hwloc_bitmap_first(pu->nodeset) : -1;
    hwloc_obj_t numa =
        first < 0 ? NULL : hwloc_get_numanode_obj_by_os_index(topology, (unsigned)first);
    return numa != NULL ? numa->logical_index : count;
}

static uint32_t kind_of(hwloc_topology_t topology, hwloc_obj_t pu)
{
    int efficiency = -1;
    int kind = hwloc_cpukinds_get_by_cpuset(topology, pu->cpuset, 0);
    if (kind < 0 ||
        hwloc_cpukinds_get_info(topology, (unsigned)kind, NULL, &efficiency, NULL, NULL, 0) < 0)
        return 0;
    return efficiency > 0 ? (uint32_t)efficiency : 0;
}

static struct thread describe(hwloc_topology_t topology, hwloc_obj_t pu)
{
    /* A PU without a core, an L3 cache or a package is one of its own, of none, or of the first. */
    uint32_t lone_core = objects(topology, HWLOC_OBJ_CORE) + pu->logical_index;
    struct thread t = {.logical = pu->logical_index};
    t.slot = (struct bp_slot){
        .pu = pu->os_index,
        .core = ancestor(topology, HWLOC_OBJ_CORE, pu, lone_core),
        .l1 = ancestor(topology, HWLOC_OBJ_L1CACHE, pu, objects(topology, HWLOC_OBJ_L1CACHE)),
        .l2 = ancestor(topology, HWLOC_OBJ_L2CACHE, pu, objects(topology, HWLOC_OBJ_L2CACHE)),
        .l3 = ancestor(topology, HWLOC_OBJ_L3CACHE, pu, objects(topology, HWLOC_OBJ_L3CACHE)),
        .numa = numa_of(topology, pu),
        .package = ancestor(topology, HWLOC_OBJ_PACKAGE, pu, 0),
        .kind = kind_of(topology, pu),
    };
    return t;
}

static int compare_threads(const void *a, const void *b)
{
    const struct thread *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->slot.kind != y->slot.kind)
        return x->slot.kind > y->slot.kind ? -1 : 1;
    return (x->logical > y->logical) - (x->logical < y->logical);
}

/* The slots the process may use, in hwloc's order: PUs of one core follow each other. */
static size_t collect(hwloc_topology_t topology, hwloc_const_bitmap_t allowed,
                      struct thread *threads, size_t room)
{
    size_t count = 0, first = 0; /* of the core at hand */
    hwloc_obj_t pu = NULL;
    while (count < room && (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != NULL) {
        if (!hwloc_bitmap_isset(allowed, pu->os_index))
            continue;
        threads[count] = describe(topology, pu);
        if (threads[first].slot.core != threads[count].slot.core)
            first = count;
        threads[count].thread = (unsigned)(count - first);
        count++;
    }
    return count;
}

/* A core is of the fastest kind that one of its threads claims. */
static void unite_kinds(struct thread *threads, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (threads[i].thread > 0 && threads[i].slot.kind < threads[i - 1].slot.kind)
            threads[i].slot.kind = threads[i - 1].slot.kind;
    for (size_t i = count; i-- > 1;)
        if (threads[i].thread > 0)
            threads[i - 1].slot.kind = threads[i].slot.kind;
}

static void fill_slots(hwloc_topology_t topology, hwloc_const_bitmap_t allowed,
                       struct bp_hardware *ret)
{
    size_t room = objects(topology, HWLOC_OBJ_PU);
    auto_free struct thread *threads = bp_calloc(room, sizeof *threads);
    size_t count = collect(topology, allowed, threads, room);
    unite_kinds(threads, count);
    if (count > 0)
        qsort(threads, count, sizeof *threads, compare_threads);
    ret->slots = bp_calloc(count, sizeof *ret->slots);
    ret->slot_count = count;
    for (size_t i = 0; i < count; i++)
        ret->slots[i] = threads[i].slot;
}

/* From each NUMA node to each, as firmware tells it. */
static void fill_distances(hwloc_topology_t topology, struct bp_hardware *ret)
{
    struct hwloc_distances_s *found = NULL;
    unsigned nr = 1;
    size_t count = ret->numa_count;
    if (hwloc_distances_get_by_type(topology, HWLOC_OBJ_NUMANODE, &nr, &found,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) < 0 ||
        nr == 0)
        return;
    if (found->nbobjs == count) {
        ret->distances = bp_calloc(count * count, sizeof *ret->distances);
        for (size_t i = 0; i < count * count; i++) {
            size_t from = found->objs[i / count]->logical_index;
            size_t to = found->objs[i % count]->logical_index;
            uint64_t value = found->values[i];
            ret->distances[from * count + to] = value < UINT16_MAX ? (uint16_t)value : UINT16_MAX;
        }
    }
    hwloc_distances_release(topology, found);
}

/* A node without memory, or with none that this process may use, cannot be bound to. Where nobody
 * says how much there is, each has some. */
static void fill_numas(hwloc_topology_t topology, struct bp_hardware *ret)
{
    uint32_t count = objects(topology, HWLOC_OBJ_NUMANODE);
    uint64_t total = 0;
    if (count > BP_NUMAS_MAX)
        return;
    ret->numas = bp_calloc(count, sizeof *ret->numas);
    ret->numa_count = count;
    hwloc_obj_t any = NULL;
    while ((any = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, any)) != NULL)
        total += any->attr->numanode.local_memory;
    for (uint32_t i = 0; i < count; i++) {
        hwloc_obj_t numa = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, i);
        bool allowed = hwloc_bitmap_isset(hwloc_topology_get_allowed_nodeset(topology),
                                          numa->os_index);
        ret->numas[i].os = numa->os_index;
        ret->numas[i].has_memory = allowed && (total == 0 || numa->attr->numanode.local_memory > 0);
    }
    fill_distances(topology, ret);
}

/* The computer of an hwloc XML file, of a synthetic description, or, with neither, this one. */
static int load_hardware(const char *xml, const char *synthetic, struct bp_hardware *ret,
                         struct bp_error *err)
{
    hwloc_topology_t topology __attribute__((cleanup(topology_destroy))) = NULL;
    hwloc_bitmap_t allowed __attribute__((cleanup(bitmap_free))) = hwloc_bitmap_alloc();
    struct bp_hardware hardware = {0};
    int r = load(xml, synthetic, HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS,
                 HWLOC_TYPE_FILTER_KEEP_IMPORTANT, &topology, err);
    if (r == 0)
        r = allowed_cpus(topology, allowed, err);
    if (r < 0)
        return r;
    fill_slots(topology, allowed, &hardware);
    fill_numas(topology, &hardware);
    bp_topology_devices(topology, &hardware);
    r = bp_hardware_check(&hardware, err);
    if (r < 0)
        bp_hardware_done(&hardware);
    else
        *ret = hardware;
    return r;
}

int bp_topology_load(const char *xml, struct bp_hardware *ret, struct bp_error *err)
{
    return load_hardware(xml, NULL, ret, err);
}

int bp_topology_synthetic(const char *text, struct bp_hardware *ret, struct bp_error *err)
{
    return load_hardware(NULL, text, ret, err);
}

/* Written so that hwloc's own small parser reads it, without libxml2. */
int bp_topology_export(char **ret_xml, struct bp_error *err)
{
    hwloc_topology_t topology __attribute__((cleanup(topology_destroy))) = NULL;
    char *xml;
    int length;
    setenv("HWLOC_LIBXML_EXPORT", "0", 1);
    int r = load(NULL, NULL, 0, HWLOC_TYPE_FILTER_KEEP_IMPORTANT, &topology, err);
    if (r < 0)
        return r;
    if (hwloc_topology_export_xmlbuffer(topology, &xml, &length, 0) < 0)
        return bp_error_set(err, -EIO, "hwloc cannot write the topology as XML");
    *ret_xml = bp_strdup(xml);
    hwloc_free_xmlbuffer(topology, xml);
    return 0;
}
