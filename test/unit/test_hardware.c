/* SPDX-License-Identifier: BSD-3-Clause */
/* test_hardware.c - bptopo's lines and the rows of messages: written, read back, and everything else
 * refused; what programs are told of their GPUs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/wire.h"
#include "tap.h"

static const char whole[] = "bphardware 1 2 2 2\n"
                            "slot 0 0 0 0 0 1 0 0\n"
                            "slot 8191 7 6 5 4 3 2 1\n"
                            "device gpu nvidia nvml0 GPU-1-2 0000:17:00.0 1 0 -\n"
                            "device nic other eth0 - - - - 3\n"
                            "numa 0 1 10 21\n"
                            "numa 8 0 21 10\n";

static void there_and_back(void)
{
    struct bp_hardware h = {0}, again = {0};
    struct bp_error err = {0};
    CU_ASSERT_EQUAL(bp_hardware_parse(whole, strlen(whole), &h, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    auto_free char *text = bp_hardware_format(&h);
    CU_ASSERT_STRING_EQUAL(text, whole);
    struct bp_hardware_rows rows;
    bp_hardware_rows_init(&rows, &h);
    CU_ASSERT_EQUAL(bp_hardware_take(rows.slots, rows.slot_count, rows.devices, rows.device_count,
                                     rows.numas, rows.numa_count, &again, &err), 0);
    auto_free char *more = bp_hardware_format(&again);
    CU_ASSERT_STRING_EQUAL(more, whole);
    rows.numa_rows[1].n_distances = 1;
    CU_ASSERT_EQUAL(bp_hardware_take(rows.slots, rows.slot_count, rows.devices, rows.device_count,
                                     rows.numas, rows.numa_count, &again, &err), -EINVAL);
    bp_hardware_rows_done(&rows);
    bp_hardware_done(&h);
    bp_hardware_done(&again);
}

static void none(void)
{
    struct bp_hardware h = {.slot_count = 9};
    CU_ASSERT_EQUAL(bp_hardware_parse("bphardware 1 0 0 0\n", 19, &h, NULL), 0);
    CU_ASSERT_EQUAL(h.slot_count, 0);
    bp_hardware_done(&h);
}

static void most(void)
{
    struct bp_hardware h = {.slot_count = BP_SLOTS_MAX + 1, .device_count = BP_DEVICES_MAX,
                            .numa_count = BP_NUMAS_MAX}, again = {0};
    h.slots = bp_calloc(h.slot_count, sizeof *h.slots);
    h.devices = bp_calloc(h.device_count, sizeof *h.devices);
    h.numas = bp_calloc(h.numa_count, sizeof *h.numas);
    h.distances = bp_calloc(h.numa_count * h.numa_count, sizeof *h.distances);
    for (uint32_t i = 0; i < h.slot_count; i++)
        h.slots[i] = (struct bp_slot){i, 8191, 8191, 8191, 8191, 8191, 8191, 8191};
    for (size_t i = 0; i < h.device_count; i++) {
        h.devices[i] = (struct bp_device){.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_NVIDIA,
                                          .numa = 8191, .package = 8191, .l3 = 8191};
        memset(h.devices[i].name, 'n', BP_DEVICE_NAME_MAX - 1);
        memset(h.devices[i].uuid, 'u', BP_DEVICE_NAME_MAX - 1);
        memset(h.devices[i].bus, 'b', BP_DEVICE_NAME_MAX - 1);
    }
    for (size_t i = 0; i < h.numa_count * h.numa_count; i++)
        h.distances[i] = UINT16_MAX;
    CU_ASSERT_EQUAL(bp_hardware_check(&h, NULL), -EINVAL);
    h.slot_count--;
    CU_ASSERT_EQUAL(bp_hardware_check(&h, NULL), 0);
    auto_free char *text = bp_hardware_format(&h);
    CU_ASSERT(strlen(text) < BP_HARDWARE_TEXT_MAX);
    CU_ASSERT_EQUAL(bp_hardware_parse(text, strlen(text), &again, NULL), 0);
    auto_free char *more = bp_hardware_format(&again);
    CU_ASSERT_STRING_EQUAL(more, text);
    bp_hardware_done(&h);
    bp_hardware_done(&again);
}

static void refuse(const char *text, size_t length)
{
    struct bp_hardware h = {.slot_count = 9};
    struct bp_error err = {0};
    int r = bp_hardware_parse(text, length, &h, &err);
    if (r != -EINVAL)
        printf("# not refused: %.*s\n", (int)length, text);
    CU_ASSERT_EQUAL(r, -EINVAL);
    CU_ASSERT(h.slots == NULL && h.slot_count == 9);
    CU_ASSERT(err.text[0] != '\0');
}

static void garbage(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        "bphardware",
        "bphardware 1 1 0",
        "bphardware 2 0 0 0\n",
        "bphardware 1 -1 0 0\n",
        "bphardware 1 9999 0 0\n",
        "bphardware 1 0 257 0\n",
        "bphardware 1 0 0 257\n",
        "bphardware 1 0 0 0\n\n",
        "bphardware 1 0 0 0\nslot 0 0 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\n",
        "bphardware 1 1 0 0\nslot 0 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\nslot 0 0 0 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\nslot 0 0 0 0 0 0 0 -1\n",
        "bphardware 1 1 0 0\nslot  0 0 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\nslot 8192 0 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\nslot 0 0 0 0 0 0 0 8192\n",
        "bphardware 1 1 0 0\nslot 0 0 0 0 0 0 0 99999999999\n",
        "bphardware 1 1 0 0\nSLOT 0 0 0 0 0 0 0 0\n",
        "bphardware 1 2 0 0\nslot 3 0 0 0 0 0 0 0\nslot 3 1 0 0 0 0 0 0\n",
        "bphardware 1 1 0 0\r\nslot 0 0 0 0 0 0 0 0\r\n",
        "bphardware 1 0 1 0\ndevice gpu nvidia x - - - -\n",
        "bphardware 1 0 1 0\ndevice fpga nvidia x - - - - -\n",
        "bphardware 1 0 1 0\ndevice gpu acme x - - - - -\n",
        "bphardware 1 0 1 0\ndevice gpu nvidia - - - - - -\n",
        "bphardware 1 0 1 0\ndevice gpu nvidia a,b - - - - -\n",
        "bphardware 1 0 1 0\ndevice gpu nvidia x - - 8192 - -\n",
        "bphardware 1 0 1 0\ndevice gpu nvidia "
        "0123456789012345678901234567890123456789012345678901234567890123 - - - - -\n",
        "bphardware 1 0 0 1\nnuma 0\n",
        "bphardware 1 0 0 1\nnuma 0 2\n",
        "bphardware 1 0 0 1\nnuma 8192 1\n",
        "bphardware 1 0 0 1\nnuma 0 1 10 10\n",
        "bphardware 1 0 0 2\nnuma 0 1 10 20\nnuma 1 1\n",
        "bphardware 1 0 0 2\nnuma 0 1\nnuma 1 1 20 10\n",
        "bphardware 1 0 0 1\nnuma 0 1 65536\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refuse(texts[i], strlen(texts[i]));
    refuse("bphardware 1 0 0 0\n\0", 20);
}

/* Every beginning of a good text is refused, and nothing behind its end is read. */
static void cut(void)
{
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        auto_free char *part = bp_calloc(length, 1);
        memcpy(part, whole, length);
        refuse(part, length);
    }
}

static void gpu_words(void)
{
    struct bp_device devices[] = {
        {.kind = BP_DEVICE_NIC, .vendor = BP_VENDOR_NVIDIA, .name = "mlx5_0"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_NVIDIA, .name = "nvml0", .uuid = "GPU-a"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_AMD, .name = "rsmi0"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_AMD, .name = "rsmi1", .uuid = "GPU-b"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_INTEL, .name = "ze0", .uuid = "u"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_INTEL, .name = "ze1", .uuid = "v"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_NVIDIA, .name = "nvml1"},
        {.kind = BP_DEVICE_GPU, .vendor = BP_VENDOR_OTHER, .name = "card0"},
    };
    struct bp_hardware h = {.devices = devices, .device_count = 8};
    char *words[BP_GPU_WORDS_MAX + 1];
    bp_gpu_environment(&h, (const uint32_t[]){6, 1, 5, 3, 2, 99}, 6, words);
    CU_ASSERT_STRING_EQUAL(words[0], "CUDA_VISIBLE_DEVICES=1,GPU-a");
    CU_ASSERT_STRING_EQUAL(words[1], "CUDA_DEVICE_ORDER=PCI_BUS_ID");
    CU_ASSERT_STRING_EQUAL(words[2], "ROCR_VISIBLE_DEVICES=GPU-b,0");
    CU_ASSERT_STRING_EQUAL(words[3], "ZE_AFFINITY_MASK=1");
    CU_ASSERT(words[4] == NULL);
    for (int i = 0; i < 4; i++)
        free(words[i]);
    snprintf(devices[3].uuid, sizeof devices[3].uuid, "1f2");
    bp_gpu_environment(&h, (const uint32_t[]){3, 1}, 2, words);
    CU_ASSERT_STRING_EQUAL(words[0], "CUDA_VISIBLE_DEVICES=GPU-a");
    CU_ASSERT_STRING_EQUAL(words[1], "ROCR_VISIBLE_DEVICES=GPU-00000000000001f2");
    CU_ASSERT(words[2] == NULL);
    free(words[0]);
    free(words[1]);
    bp_gpu_environment(&h, (const uint32_t[]){7}, 1, words);
    CU_ASSERT(words[0] == NULL);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"written and read back", there_and_back},
        {"nothing at all", none},
        {"the most there can be, and one more", most},
        {"garbage is refused", garbage},
        {"a cut text is refused", cut},
        {"the variables that GPU programs read", gpu_words},
        {NULL, NULL},
    };
    return bp_tap_run("hardware", tests);
}
