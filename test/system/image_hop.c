/* SPDX-License-Identifier: BSD-3-Clause */
/* image_hop.c - one call for scripts: dump the calling process into a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "image/image.h"

/* 0: dumped, and this is the process that did it; 1: restored; negative: an errno. */
int image_hop(const char *path);

int image_hop(const char *path)
{
    struct bp_image_options options = {.carry = BP_CARRY_DEFAULT};
    struct bp_image_mailbox mailbox;
    struct bp_image *image;
    enum bp_image_role role;
    struct bp_error err = {0};
    int fd, rc = bp_image_capture_self(&options, &image, &role, &mailbox, &err);

    if (rc == 0 && role == BP_IMAGE_RESTORED)
        return 1;
    if (rc == 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        rc = fd < 0 ? -errno : bp_image_write(image, fd, &err);
        close(fd);
        bp_image_free(image);
    }
    if (rc < 0)
        fprintf(stderr, "image_hop: %s\n", err.text);
    return rc;
}
