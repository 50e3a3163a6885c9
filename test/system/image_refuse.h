/* SPDX-License-Identifier: BSD-3-Clause */
/* image_refuse.h - states of the calling process that no image can hold. */
#ifndef BP_TEST_IMAGE_REFUSE_H
#define BP_TEST_IMAGE_REFUSE_H

/* 0, or the errno with which this machine has no such thing. */
int refuse_set(const char *what);

#endif
