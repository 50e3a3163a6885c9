/* SPDX-License-Identifier: BSD-3-Clause */
/* job_rows.h - jobs as text. */
#ifndef BP_TOOLS_JOB_ROWS_H
#define BP_TOOLS_JOB_ROWS_H

#include "common/error.h"

/* Ask for the jobs and print them. */
int job_rows_show(int as_json, struct bp_error *err);

#endif
