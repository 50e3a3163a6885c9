/* SPDX-License-Identifier: BSD-3-Clause */
/* warm.h - the image of a program that runs here up to its call of bproc_warm. */
#ifndef BP_TOOLS_WARM_H
#define BP_TOOLS_WARM_H

#include "image/image.h"
#include "proto/pack.h"

/* Run the request's program here until it hands its image over. Blocks; a signal to the process
 * group ends both, as with any program that waits for its child. */
int warm_capture(const Bpmix__JobRequest *request, struct bp_image **ret_image,
                 struct bp_error *err);

#endif
