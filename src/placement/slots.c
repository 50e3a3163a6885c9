/* SPDX-License-Identifier: BSD-3-Clause */
/* slots.c - a node's hardware threads as text lines, and the check of slots a peer sent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"

static const char header[] = "bpslots 1 ";
static const char line_word[] = "slot";

int bp_slots_check(const struct bp_slot *slots, size_t count, struct bp_error *err)
{
    uint8_t seen[BP_CPUSET_BYTES_MAX] = {0};
    if (count > BP_SLOTS_MAX)
        return bp_error_set(err, -EINVAL, "%zu CPUs, but a node has at most %d", count,
                            BP_SLOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct bp_slot *s = &slots[i];
        if (s->pu >= BP_CPUS_MAX || s->core >= BP_CPUS_MAX || s->l3 >= BP_CPUS_MAX ||
            s->numa >= BP_CPUS_MAX || s->package >= BP_CPUS_MAX || s->kind >= BP_CPUS_MAX)
            return bp_error_set(err, -EINVAL, "slot %zu has a number above %d", i, BP_CPUS_MAX - 1);
        if (bp_cpuset_has(seen, sizeof seen, s->pu))
            return bp_error_set(err, -EINVAL, "CPU %u is named twice", s->pu);
        bp_cpuset_add(seen, sizeof seen, s->pu);
    }
    return 0;
}

char *bp_slots_format(const struct bp_slot *slots, size_t count)
{
    size_t size = sizeof header + 24 + count * (sizeof line_word + sizeof(struct bp_slot) / 4 * 11);
    char *text = bp_calloc(size, 1);
    size_t used = (size_t)snprintf(text, size, "%s%zu\n", header, count);
    for (size_t i = 0; i < count; i++) {
        const struct bp_slot *s = &slots[i];
        used += (size_t)snprintf(text + used, size - used, "%s %u %u %u %u %u %u\n", line_word,
                                 s->pu, s->core, s->l3, s->numa, s->package, s->kind);
    }
    return text;
}

/* What is left to read. */
struct reader {
    const char *at;
    const char *end;
};

static bool skip_text(struct reader *in, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, text, length) != 0)
        return false;
    in->at += length;
    return true;
}

/* One number of at most four digits; every number here is below 10,000. */
static bool read_number(struct reader *in, uint32_t *ret_number)
{
    uint32_t number = 0;
    unsigned digits = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9' && digits < 4; in->at++, digits++)
        number = number * 10 + (uint32_t)(*in->at - '0');
    *ret_number = number;
    return digits > 0;
}

static bool read_slot(struct reader *in, struct bp_slot *ret_slot)
{
    uint32_t *const fields[] = {&ret_slot->pu,   &ret_slot->core,    &ret_slot->l3,
                                &ret_slot->numa, &ret_slot->package, &ret_slot->kind};
    if (!skip_text(in, line_word))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (!skip_text(in, " ") || !read_number(in, fields[i]))
            return false;
    return skip_text(in, "\n");
}

int bp_slots_parse(const char *text, size_t length, struct bp_slot **ret_slots, size_t *ret_count,
                   struct bp_error *err)
{
    struct reader in = {text, text + length};
    uint32_t count;
    if (!skip_text(&in, header) || !read_number(&in, &count) || !skip_text(&in, "\n") ||
        count > BP_SLOTS_MAX)
        return bp_error_set(err, -EINVAL, "list of CPUs: its first line is not \"%sCOUNT\"",
                            header);
    auto_free struct bp_slot *slots = bp_calloc(count, sizeof *slots);
    for (uint32_t i = 0; i < count; i++)
        if (!read_slot(&in, &slots[i]))
            return bp_error_set(err, -EINVAL, "list of CPUs: line %u is not a slot", i + 2);
    if (in.at != in.end)
        return bp_error_set(err, -EINVAL, "list of CPUs: more than the %u slots announced", count);
    int r = bp_slots_check(slots, count, err);
    if (r < 0)
        return r;
    *ret_slots = bp_take_ptr(slots);
    *ret_count = count;
    return 0;
}
