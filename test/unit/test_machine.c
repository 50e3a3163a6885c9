/* SPDX-License-Identifier: BSD-3-Clause */
/* test_machine.c - this machine's slots: exactly the CPUs this process may use, numbered steadily.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mem.h"
#include "placement/topology.h"
#include "tap.h"

/* A machine hwloc reads from the environment is not this one: forget that. */
static struct bp_slot *load(size_t *ret_count)
{
    struct bp_slot *slots = NULL;
    struct bp_error err = {0};
    *ret_count = 0;
    unsetenv("HWLOC_XMLFILE");
    unsetenv("HWLOC_SYNTHETIC");
    if (bp_topology_load(NULL, &slots, ret_count, &err) < 0)
        printf("# %s\n", err.text);
    return slots;
}

static void affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) {
        CU_FAIL("sched_getaffinity failed");
        return;
    }
    size_t count;
    auto_free struct bp_slot *slots = load(&count);
    CU_ASSERT_EQUAL(count, (size_t)CPU_COUNT(&set));
    for (size_t i = 0; i < count; i++)
        CU_ASSERT(CPU_ISSET(slots[i].pu, &set));
}

/* Pinned to any one CPU, it is the same slot as before: same core, same cache. */
static void one_cpu(void)
{
    cpu_set_t before;
    if (sched_getaffinity(0, sizeof before, &before) < 0) {
        CU_FAIL("sched_getaffinity failed");
        return;
    }
    size_t count, one_count;
    auto_free struct bp_slot *slots = load(&count);
    if (count == 0) {
        CU_FAIL("no slots");
        return;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(slots[count - 1].pu, &one);
    CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
    auto_free struct bp_slot *last = load(&one_count);
    CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof before, &before), 0);
    CU_ASSERT_EQUAL(one_count, 1);
    CU_ASSERT(one_count == 1 && last[0].pu == slots[count - 1].pu &&
              last[0].core == slots[count - 1].core && last[0].l3 == slots[count - 1].l3);
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
    struct bp_slot *slots = NULL;
    size_t count;
    struct bp_error err = {0};
    CU_ASSERT(bp_topology_load(path, &slots, &count, &err) < 0);
    CU_ASSERT(slots == NULL && err.text[0] != '\0');
    unlink(path);
}

/* What is exported is this machine: the same slots come out of it. */
static void exported(void)
{
    char path[] = "/tmp/test_machine.XXXXXX";
    auto_close int fd = mkstemp(path);
    auto_free char *xml = NULL;
    auto_free struct bp_slot *here = NULL, *there = NULL;
    size_t here_count = 0, there_count = 0;
    struct bp_error err = {0};
    CU_ASSERT_EQUAL(bp_topology_load(NULL, &here, &here_count, &err), 0);
    CU_ASSERT_EQUAL(bp_topology_export(&xml, &err), 0);
    if (fd < 0 || xml == NULL || write(fd, xml, strlen(xml)) != (ssize_t)strlen(xml)) {
        CU_FAIL("no XML");
        return;
    }
    CU_ASSERT_EQUAL(bp_topology_load(path, &there, &there_count, &err), 0);
    unlink(path);
    size_t found = 0; /* there: also CPUs outside this process's affinity */
    for (size_t i = 0; i < there_count && found < here_count; i++)
        found += memcmp(&there[i], &here[found], sizeof *here) == 0;
    CU_ASSERT_EQUAL(found, here_count);
}

static void bad_files(void)
{
    struct bp_slot *slots = NULL;
    size_t count;
    struct bp_error err = {0};
    setenv("HWLOC_HIDE_ERRORS", "2", 1);
    CU_ASSERT_EQUAL(bp_topology_load("/nonexistent", &slots, &count, &err), -ENOENT);
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
