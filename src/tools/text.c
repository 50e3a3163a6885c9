/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - text that others chose (users, ranks, nodes), made fit for a terminal and for JSON. */
#include <jansson.h>

#include "common/mem.h"
#include "tools/text.h"

/* Bytes of a control character at p: of ASCII, or U+0080 to U+009F; 0 = it is none. */
static size_t control_bytes(const unsigned char *p)
{
    if (*p < ' ' || *p == 0x7f)
        return 1;
    return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

char *text_plain(const char *text)
{
    char *plain = bp_strdup(text);
    json_t *utf8 = json_string(text); /* NULL if it is not */
    for (unsigned char *p = (unsigned char *)plain; *p != '\0'; p++) {
        size_t bytes = utf8 == NULL && *p >= 0x80 ? 1 : control_bytes(p);
        for (size_t i = 0; i < bytes; i++)
            p[i] = '?';
    }
    json_decref(utf8);
    return plain;
}
