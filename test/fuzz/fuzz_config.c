// sources: src/master/config.c src/common/mem.c src/common/error.c src/common/nodeset.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_config.c - any bytes as bpmaster's configuration file: refused with its line, or values
 * within their bounds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct bp_config config;
    struct bp_error err = {0};
    auto_close int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (bp_config_read(path, &config, &err) < 0) {
        if (err.code >= 0 || strncmp(err.text, path, strlen(path)) != 0)
            abort();
        return 0;
    }
    if (config.port < 1 || config.port > 65535 || config.lease_ms < 1000 ||
        config.lease_ms > 86400000 || config.fanout < 1 || config.fanout > 4096 ||
        memchr(config.address, '\0', sizeof config.address) == NULL ||
        memchr(config.rundir, '\0', sizeof config.rundir) == NULL ||
        memchr(config.cluster_key, '\0', sizeof config.cluster_key) == NULL)
        abort();
    for (int i = 0; i < BP_NODES_MAX; i++)
        if (config.node[i] > 1 || (config.rights[i].mode & ~0111u) != 0)
            abort();
    return 0;
}
