/* SPDX-License-Identifier: BSD-3-Clause */
/* topo_main.c - bptopo: print the hardware of this computer, for bpnode to read. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "placement/topology.h"

const char *argp_program_version = "bptopo (bpmix) " BP_VERSION;

struct options {
    const char *xml;
    int export;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    if (key == 'x')
        options->xml = arg;
    else if (key == 'e')
        options->export = 1;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static int describe(const struct options *options, char **ret_text, struct bp_error *err)
{
    struct bp_hardware hardware = {0};
    if (options->export)
        return bp_topology_export(ret_text, err);
    int r = bp_topology_load(options->xml, &hardware, err);
    if (r == 0)
        *ret_text = bp_hardware_format(&hardware);
    bp_hardware_done(&hardware);
    return r;
}

int main(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"xml", 'x', "FILE", 0, "read this hwloc XML file instead of the machine", 0},
        {"export", 'e', NULL, 0, "print this machine, devices and all, as hwloc XML", 0},
        {0}};
    static const struct argp argp = {
        .options = rows,
        .parser = parse_option,
        .doc = "Print a line for each hardware thread that this process may use (\"slot PU core l3 "
               "numa package kind l2 l1\"), each GPU and NIC (\"device kind vendor name uuid bus "
               "numa package l3\") and each NUMA node (\"numa number has-memory distances...\")."};
    struct options options = {0};
    bp_log_init("bptopo", BP_LOG_INFO);
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        return 1;

    struct bp_error err;
    auto_free char *text = NULL;
    if (describe(&options, &text, &err) < 0) {
        bp_log_error("%s", err.text);
        return 1;
    }
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        bp_log_error("cannot write: %s", strerror(errno));
        return 1;
    }
    return 0;
}
