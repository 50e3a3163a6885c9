/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - words of the command line that several tools read the same way. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/words.h"

#define SECONDS_MAX (100ul * 365 * 86400) /* below 2^32 */

int word_value(const char *word, uint32_t low, uint32_t high, uint32_t *ret_value)
{
    char *end;
    if (word[0] < '0' || word[0] > '9')
        return -EINVAL;
    errno = 0;
    unsigned long value = strtoul(word, &end, 10);
    if (errno != 0 || *end != '\0' || value < low || value > high)
        return -EINVAL;
    *ret_value = (uint32_t)value;
    return 0;
}

uint32_t word_number(struct argp_state *state, const char *option, const char *word, uint32_t low,
                     uint32_t high)
{
    uint32_t value = low;
    if (word_value(word, low, high, &value) < 0)
        argp_error(state, "%s takes a number from %u to %u, not \"%s\"", option, low, high, word);
    return value;
}

/* "1:2:3" in seconds by the units for so many parts; SECONDS_MAX + 1 = it is no such time. */
static unsigned long clock_time(const char *word, const unsigned long units[3][3])
{
    unsigned long parts[3], seconds = 0;
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
    if (count == 0 || p[-1] == ':' || *p != '\0')
        return SECONDS_MAX + 1;
    for (unsigned i = 0; i < count; i++)
        seconds += parts[i] > SECONDS_MAX ? SECONDS_MAX + 1 : parts[i] * units[count - 1][i];
    return seconds;
}

uint32_t word_time(struct argp_state *state, const char *option, const char *word)
{
    static const unsigned long units[3][3] = {{60}, {60, 1}, {3600, 60, 1}};
    static const unsigned long day_units[3][3] = {{3600}, {3600, 60}, {3600, 60, 1}};
    const char *dash = strchr(word, '-');
    unsigned long seconds = clock_time(dash != NULL ? dash + 1 : word,
                                       dash != NULL ? day_units : units);
    if (dash != NULL) {
        char *end;
        unsigned long days = strtoul(word, &end, 10);
        if (word[0] < '0' || word[0] > '9' || end != dash || days > SECONDS_MAX / 86400)
            seconds = SECONDS_MAX + 1;
        else
            seconds += days * 86400;
    }
    if (strcasecmp(word, "unlimited") == 0 || strcasecmp(word, "infinite") == 0)
        return 0;
    if (seconds > SECONDS_MAX)
        argp_error(state, "%s takes minutes, minutes:seconds, hours:minutes:seconds or days-hours"
                   "[:minutes[:seconds]], less than 100 years, not \"%s\"", option, word);
    return (uint32_t)seconds;
}

/* RTMIN, RTMIN+3, RTMAX-1 */
static int realtime_signal(const char *name)
{
    int base = strncmp(name, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
    if (strncmp(name, "RTMIN", 5) != 0 && strncmp(name, "RTMAX", 5) != 0)
        return -1;
    if (name[5] == '\0')
        return base;
    char *end;
    long more = strtol(name + 5, &end, 10);
    if ((name[5] != '+' && name[5] != '-') || *end != '\0' || more < -64 || more > 64)
        return -1;
    long number = base + more;
    return number >= SIGRTMIN && number <= SIGRTMAX ? (int)number : -1;
}

int word_signal(const char *word)
{
    if (*word >= '0' && *word <= '9') {
        char *end;
        unsigned long number = strtoul(word, &end, 10);
        return *end == '\0' && number <= (unsigned long)SIGRTMAX ? (int)number : -1;
    }
    const char *name = strncasecmp(word, "SIG", 3) == 0 ? word + 3 : word;
    for (int number = 1; number < 32; number++) {
        const char *abbreviation = sigabbrev_np(number);
        if (abbreviation != NULL && strcasecmp(name, abbreviation) == 0)
            return number;
    }
    return realtime_signal(name);
}

uint32_t word_master(const char *nodes, char **ret_rest)
{
    uint32_t masters = 0;
    char *rest = bp_calloc(strlen(nodes) + 2, 1);
    for (const char *part = nodes; *part != '\0';) {
        size_t length = strcspn(part, ",[");
        if (part[length] == '[') /* commas in brackets do not count */
            length += strcspn(part + length, "]");
        length += strcspn(part + length, ",");
        if ((length == 2 && memcmp(part, "-1", 2) == 0) ||
            (length == 6 && memcmp(part, "master", 6) == 0)) {
            masters++;
        } else {
            if (rest[0] != '\0')
                strcat(rest, ",");
            strncat(rest, part, length);
        }
        part += length + (part[length] == ',');
    }
    *ret_rest = rest;
    return masters;
}
