// sources: src/proto/key.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_key.c - any bytes as a node's or the cluster's key file: refused, or a key that stands in
 * the file as its hex digits. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "proto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const struct bp_error *err, const uint8_t *data, size_t size,
                  const struct bp_key *key)
{
    char hex[2 * BP_KEY_BYTES + 1];
    if (r < 0) {
        if (err->code >= 0 || err->text[0] == '\0')
            abort();
        return;
    }
    auto_free char *lower = bp_calloc(1, size + 1);
    for (size_t i = 0; i < size; i++)
        lower[i] = (char)tolower(data[i]);
    bp_key_hex(key->bytes, sizeof key->bytes, hex);
    if (memmem(lower, size, hex, strlen(hex)) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct bp_key key;
    struct bp_error err = {0};
    int node = -1;
    auto_close int fd = memfd_create("key", MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = bp_key_read_node(path, &node, &key, &err);
    check(r, &err, data, size, &key);
    if (r == 0 && node < 0)
        abort();
    r = bp_key_read_cluster(path, &key, &err);
    check(r, &err, data, size, &key);
    return 0;
}
