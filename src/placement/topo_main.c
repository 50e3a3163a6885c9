/* SPDX-License-Identifier: BSD-3-Clause */
/* topo_main.c - bptopo: print the hardware threads of this computer, for bpnode to read. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "placement/topology.h"

const char *argp_program_version = "bptopo (bpmix) " BP_VERSION;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    const char **xml = state->input;
    if (key != 'x')
        return ARGP_ERR_UNKNOWN;
    *xml = arg;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"xml", 'x', "FILE", 0, "read this hwloc XML file instead of the machine", 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Print one line for each hardware thread this process may use: "
               "\"slot PU core l3 numa package kind\"."};
    const char *xml = NULL;
    bp_log_init("bptopo", BP_LOG_INFO);
    if (argp_parse(&argp, argc, argv, 0, NULL, &xml) != 0)
        return 1;

    struct bp_error err;
    auto_free struct bp_slot *slots = NULL;
    size_t count;
    if (bp_topology_load(xml, &slots, &count, &err) < 0) {
        bp_log_error("%s", err.text);
        return 1;
    }
    auto_free char *text = bp_slots_format(slots, count);
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        bp_log_error("cannot write: %s", strerror(errno));
        return 1;
    }
    return 0;
}
