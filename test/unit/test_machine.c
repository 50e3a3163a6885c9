/* SPDX-License-Identifier: BSD-3-Clause */
/* test_machine.c - this machine's slots: exactly the CPUs this process may use, numbered steadily.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "placement/topology.h"
#include "tap.h"

/* A machine hwloc reads from the environment is not this one: forget that. */
static struct bp_hardware load(void)
{
    struct bp_hardware h = {0};
    struct bp_error err = {0};
    unsetenv("HWLOC_XMLFILE");
    unsetenv("HWLOC_SYNTHETIC");
    if (bp_topology_load(NULL, &h, &err) < 0)
        printf("# %s\n", err.text);
    return h;
}

static void affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) {
        CU_FAIL("sched_getaffinity failed");
        return;
    }
    struct bp_hardware h = load();
    CU_ASSERT_EQUAL(h.slot_count, (size_t)CPU_COUNT(&set));
    for (size_t i = 0; i < h.slot_count; i++)
        CU_ASSERT(CPU_ISSET(h.slots[i].pu, &set));
    bp_hardware_done(&h);
}

/* Pinned to any one CPU, it is the same slot as before: same core, same cache. */
static void one_cpu(void)
{
    cpu_set_t before;
    if (sched_getaffinity(0, sizeof before, &before) < 0) {
        CU_FAIL("sched_getaffinity failed");
        return;
    }
    struct bp_hardware h = load();
    if (h.slot_count == 0) {
        CU_FAIL("no slots");
        return;
    }
    const struct bp_slot *last = &h.slots[h.slot_count - 1];
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last->pu, &one);
    CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
    struct bp_hardware alone = load();
    CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof before, &before), 0);
    CU_ASSERT_EQUAL(alone.slot_count, 1);
    CU_ASSERT(alone.slot_count == 1 && memcmp(alone.slots, last, sizeof *last) == 0);
    bp_hardware_done(&h);
    bp_hardware_done(&alone);
}

/* text as an XML file is refused. */
static void refuse_file(const char *text)
{
    char path[] = "/tmp/bpmix-machine-XXXXXX";
    auto_close int fd = mkstemp(path);
    if (fd < 0 || dprintf(fd, "%s", text) < 0) {
        CU_FAIL("no temporary file");
        return;
    }
    struct bp_hardware h = {0};
    struct bp_error err = {0};
    CU_ASSERT(bp_topology_load(path, &h, &err) < 0);
    CU_ASSERT(h.slots == NULL && err.text[0] != '\0');
    unlink(path);
}

/* What is exported is this machine: the same slots come out of it. */
static void exported(void)
{
    char path[] = "/tmp/test_machine.XXXXXX";
    auto_close int fd = mkstemp(path);
    auto_free char *xml = NULL;
    struct bp_hardware here = load(), there = {0};
    struct bp_error err = {0};
    CU_ASSERT_EQUAL(bp_topology_export(&xml, &err), 0);
    if (fd < 0 || xml == NULL || write(fd, xml, strlen(xml)) != (ssize_t)strlen(xml)) {
        CU_FAIL("no XML");
        return;
    }
    CU_ASSERT_EQUAL(bp_topology_load(path, &there, &err), 0);
    unlink(path);
    size_t found = 0; /* there: also CPUs outside this process's affinity */
    for (size_t i = 0; i < there.slot_count && found < here.slot_count; i++)
        found += memcmp(&there.slots[i], &here.slots[found], sizeof *here.slots) == 0;
    CU_ASSERT_EQUAL(found, here.slot_count);
    bp_hardware_done(&here);
    bp_hardware_done(&there);
}

static void bad_files(void)
{
    struct bp_hardware h = {0};
    struct bp_error err = {0};
    setenv("HWLOC_HIDE_ERRORS", "2", 1);
    CU_ASSERT_EQUAL(bp_topology_load("/nonexistent", &h, &err), -ENOENT);
    CU_ASSERT_STRING_EQUAL(err.text, "/nonexistent: No such file or directory");
    refuse_file("");
    refuse_file("not XML");
    refuse_file("<topology version=\"2.0\"><object type=\"Machine\"");
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"all CPUs of the affinity mask and no other", affinity},
        {"one CPU keeps its numbers", one_cpu},
        {"the exported topology", exported},
        {"files that are no topology", bad_files},
        {NULL, NULL},
    };
    return bp_tap_run("machine", tests);
}
