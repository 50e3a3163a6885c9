/* SPDX-License-Identifier: BSD-3-Clause */
/* topology_devices.c - the GPUs and NICs of a computer by hwloc: what they are, what is near. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/topology_devices.h"

enum { CLASS_NETWORK = 0x02, CLASS_DISPLAY = 0x03, CLASS_ACCELERATOR = 0x12 };
enum { DISPLAY_VGA = 0x0300 };

static enum bp_vendor vendor_of(hwloc_obj_t pci)
{
    switch (pci->attr->pcidev.vendor_id) {
    case 0x10de:
        return BP_VENDOR_NVIDIA;
    case 0x1002:
        return BP_VENDOR_AMD;
    case 0x8086:
        return BP_VENDOR_INTEL;
    default:
        return BP_VENDOR_OTHER;
    }
}

/* How good the name of an operating system's device is for that kind; 0: it is none. */
static int name_worth(hwloc_obj_t device, enum bp_device_kind kind)
{
    hwloc_obj_osdev_type_t type = device->attr->osdev.type;
    if (kind == BP_DEVICE_NIC)
        return type == HWLOC_OBJ_OSDEV_OPENFABRICS ? 2 : type == HWLOC_OBJ_OSDEV_NETWORK;
    bool by_library = strncmp(device->name, "nvml", 4) == 0 ||
                      strncmp(device->name, "rsmi", 4) == 0 || strncmp(device->name, "ze", 2) == 0;
    if (type == HWLOC_OBJ_OSDEV_GPU)
        return by_library ? 3 : 1;
    return type == HWLOC_OBJ_OSDEV_COPROC ? 2 : 0;
}

static void copy_info(char to[BP_DEVICE_NAME_MAX], hwloc_obj_t obj, const char *key)
{
    const char *value = hwloc_obj_get_info_by_name(obj, key);
    if (value != NULL && to[0] == '\0')
        snprintf(to, BP_DEVICE_NAME_MAX, "%s", value);
}

/* Its name and UUID are those of the operating system's devices below it. 0: none of the kind. */
static int describe_children(hwloc_obj_t pci, struct bp_device *device)
{
    int best = 0;
    for (hwloc_obj_t child = pci->io_first_child; child != NULL; child = child->next_sibling) {
        int worth = child->type == HWLOC_OBJ_OS_DEVICE ? name_worth(child, device->kind) : 0;
        if (worth == 0)
            continue;
        if (worth > best)
            snprintf(device->name, sizeof device->name, "%s", child->name);
        best = worth > best ? worth : best;
        copy_info(device->uuid, child, "NVIDIAUUID");
        copy_info(device->uuid, child, "AMDUUID");
        copy_info(device->uuid, child, "LevelZeroUUID");
    }
    return best;
}

/* NVIDIA's driver tells the UUID without its library: "GPU UUID: \t GPU-...". */
static void ask_driver(struct bp_device *device)
{
    auto_free char *path = bp_format("/proc/driver/nvidia/gpus/%s/information", device->bus);
    FILE *file = fopen(path, "re");
    char line[256], uuid[BP_DEVICE_NAME_MAX];
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "GPU UUID: %63s", uuid) == 1 && strncmp(uuid, "GPU-", 4) == 0)
            snprintf(device->uuid, sizeof device->uuid, "%s", uuid);
    if (file != NULL)
        fclose(file);
}

/* The number of the only object of that type around all of these CPUs. */
static uint32_t only_around(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t near)
{
    for (hwloc_obj_t obj = near; obj != NULL; obj = obj->parent)
        if (obj->type == type)
            return obj->logical_index;
    hwloc_obj_t only = NULL, obj = NULL;
    while ((obj = hwloc_get_next_obj_by_type(topology, type, obj)) != NULL)
        if (hwloc_bitmap_intersects(obj->cpuset, near->cpuset)) {
            if (only != NULL)
                return BP_NOWHERE;
            only = obj;
        }
    return only != NULL ? only->logical_index : BP_NOWHERE;
}

static void locate(hwloc_topology_t topology, hwloc_obj_t pci, struct bp_device *device)
{
    hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topology, pci);
    device->numa = device->package = device->l3 = BP_NOWHERE;
    if (near == NULL || near->cpuset == NULL)
        return;
    if (near->nodeset != NULL && hwloc_bitmap_weight(near->nodeset) == 1) {
        int os = hwloc_bitmap_first(near->nodeset);
        hwloc_obj_t numa = hwloc_get_numanode_obj_by_os_index(topology, (unsigned)os);
        device->numa = numa != NULL ? numa->logical_index : BP_NOWHERE;
    }
    device->package = only_around(topology, HWLOC_OBJ_PACKAGE, near);
    device->l3 = only_around(topology, HWLOC_OBJ_L3CACHE, near);
}

/* A GPU is what its vendor's library or driver calls one; without those, what a vendor of GPUs
 * calls a display or an accelerator, but not what a server's or a PC's own screen hangs on. */
static bool is_gpu(hwloc_obj_t pci, struct bp_device *device)
{
    unsigned class = pci->attr->pcidev.class_id;
    device->kind = BP_DEVICE_GPU;
    device->vendor = vendor_of(pci);
    int worth = describe_children(pci, device);
    if (worth >= 2)
        return true;
    if (class >> 8 != CLASS_DISPLAY && class >> 8 != CLASS_ACCELERATOR)
        return false;
    return device->vendor == BP_VENDOR_NVIDIA ||
           (device->vendor != BP_VENDOR_OTHER && class != DISPLAY_VGA);
}

static bool is_nic(hwloc_obj_t pci, struct bp_device *device)
{
    device->kind = BP_DEVICE_NIC;
    device->vendor = vendor_of(pci);
    return describe_children(pci, device) > 0 ||
           pci->attr->pcidev.class_id >> 8 == CLASS_NETWORK;
}

static bool describe(hwloc_topology_t topology, hwloc_obj_t pci, struct bp_device *ret)
{
    const struct hwloc_pcidev_attr_s *attr = &pci->attr->pcidev;
    *ret = (struct bp_device){0};
    if (!is_gpu(pci, ret)) {
        *ret = (struct bp_device){0};
        if (!is_nic(pci, ret))
            return false;
    }
    snprintf(ret->bus, sizeof ret->bus, "%04x:%02x:%02x.%x", attr->domain, attr->bus, attr->dev,
             attr->func);
    if (ret->name[0] == '\0')
        snprintf(ret->name, sizeof ret->name, "%s-%.40s",
                 ret->kind == BP_DEVICE_GPU ? "gpu" : "nic", ret->bus);
    if (ret->vendor == BP_VENDOR_NVIDIA && ret->kind == BP_DEVICE_GPU && ret->uuid[0] == '\0' &&
        hwloc_topology_is_thissystem(topology))
        ask_driver(ret);
    locate(topology, pci, ret);
    return true;
}

static int compare_devices(const void *a, const void *b)
{
    const struct bp_device *x = a, *y = b;
    return strcmp(x->bus, y->bus);
}

void bp_topology_devices(hwloc_topology_t topology, struct bp_hardware *ret)
{
    ret->devices = bp_calloc(BP_DEVICES_MAX, sizeof *ret->devices);
    hwloc_obj_t pci = NULL;
    while (ret->device_count < BP_DEVICES_MAX &&
           (pci = hwloc_get_next_pcidev(topology, pci)) != NULL)
        ret->device_count += describe(topology, pci, &ret->devices[ret->device_count]);
    if (ret->device_count > 0)
        qsort(ret->devices, ret->device_count, sizeof *ret->devices, compare_devices);
}
