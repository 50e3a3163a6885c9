/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - words of the command line that several tools read the same way. */
#include <errno.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tools/words.h"

uint32_t word_number(struct argp_state *state, const char *option, const char *word, uint32_t low,
                     uint32_t high)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || word[0] == '-' || value < low || value > high)
        argp_error(state, "%s takes a number from %u to %u, not \"%s\"", option, low, high, word);
    return (uint32_t)value;
}

uint32_t word_time(struct argp_state *state, const char *option, const char *word)
{
    unsigned long parts[3];
    unsigned count = 0;
    const char *p = word;
    for (;;) {
        char *end;
        if (count == 3 || *p < '0' || *p > '9')
            break;
        parts[count++] = strtoul(p, &end, 10);
        p = end;
        if (*p != ':')
            break;
        p++;
    }
    if (count == 0 || *p != '\0' || parts[0] > 1000000)
        argp_error(state, "%s takes minutes, minutes:seconds or hours:minutes:seconds, not \"%s\"",
                   option, word);
    if (count == 1)
        return (uint32_t)(parts[0] * 60);
    if (count == 2)
        return (uint32_t)(parts[0] * 60 + parts[1]);
    return (uint32_t)(parts[0] * 3600 + parts[1] * 60 + parts[2]);
}

json_t *word_json(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    auto_free char *plain = bp_strdup(text);
    for (char *p = plain; *p != '\0'; p++)
        if ((unsigned char)*p > 127)
            *p = '?';
    return json_string(plain);
}
