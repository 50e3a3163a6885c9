/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - what a launcher tells about a job: bindings, the status of all ranks as JSON. */
#ifndef BP_TOOLS_REPORT_H
#define BP_TOOLS_REPORT_H

#include "tools/map_job.h"
#include "tools/run.h"
#include "tools/verdict.h"

/* One line on stderr: a rank's node and CPUs, as the kernel there has them. map: NULL = what the
 * node has is not known. */
void report_binding(const struct bp_job *job, const struct map_job *map,
                    const struct verdict *verdict, uint32_t number);

/* The status of the job and of every rank as one JSON object, to file. 0 or -errno. */
int report_status(const struct bp_job *job, const struct map_job *map,
                   const struct verdict *verdict, int status, uint64_t ms,
                   const Bpmix__JobRequest *request, FILE *file);

/* 1 = an MPI program of several ranks ran, and none of them connected to PMIx. */
int report_singletons(const Bpmix__JobRequest *request, const struct verdict *verdict);

#endif
