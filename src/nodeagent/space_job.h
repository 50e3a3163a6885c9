/* SPDX-License-Identifier: BSD-3-Clause */
/* space_job.h - what SETUP says about the job: identity, limits, stubs, strings. */
#ifndef BP_NODEAGENT_SPACE_JOB_H
#define BP_NODEAGENT_SPACE_JOB_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/error.h"
#include "nodeagent/space_file.h"
#include "nodeagent/space_link.h"

struct bp_space_job {
    struct bp_space_setup setup; /* checked */
    gid_t groups[BP_SPACE_GROUPS_MAX];
    uint32_t argc, envc;
    char **argv, **envp; /* NULL-terminated, into our own copy of the strings */
    const char *cwd;     /* "" = "/" */
    const char *program; /* to execute; "" = argv[0] */
    struct bp_space_file files[BP_SPACE_FILES_MAX];
    uint32_t file_count;
    _Atomic unsigned char *truncated; /* a page that processes share, a byte a file; NULL = none */
    char *strings; /* all of them */
    struct rlimit own_nofile; /* as bpspace found it, before it raised its own */
    int64_t pid_max;
};

/* Take the SETUP in *packet apart. -EPROTO if its counts and lengths do not fit together. */
int bp_space_job_read(struct bp_space_job *job, const struct bp_space_packet *packet,
                      struct bp_error *err);

/* Its strings and files. */
void bp_space_job_done(struct bp_space_job *job);

/* The same for SETTINGS: what concerns processes that are made from now on. */
int bp_space_job_change(struct bp_space_job *job, const struct bp_space_packet *packet,
                        struct bp_error *err);

/* Cut count NUL-terminated strings out of bytes; vector has room for count + 1. -EPROTO unless
 * exactly count strings fill exactly size bytes. */
int bp_space_strings_cut(char *bytes, uint32_t size, uint32_t count, char **vector);

#endif
