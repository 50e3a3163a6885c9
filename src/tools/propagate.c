/* SPDX-License-Identifier: BSD-3-Clause */
/* propagate.c - which of the caller's resource limits the ranks get. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "common/mem.h"
#include "tools/propagate.h"

static const struct {
    const char *name;
    unsigned which;
} names[] = {
    {"AS", RLIMIT_AS}, {"CORE", RLIMIT_CORE}, {"CPU", RLIMIT_CPU}, {"DATA", RLIMIT_DATA},
    {"FSIZE", RLIMIT_FSIZE}, {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE},
    {"NICE", RLIMIT_NICE}, {"NOFILE", RLIMIT_NOFILE}, {"NPROC", RLIMIT_NPROC},
    {"RSS", RLIMIT_RSS}, {"RTPRIO", RLIMIT_RTPRIO}, {"RTTIME", RLIMIT_RTTIME},
    {"SIGPENDING", RLIMIT_SIGPENDING}, {"STACK", RLIMIT_STACK}};

static int read_name(const char *word, uint32_t *mask)
{
    if (strncasecmp(word, "RLIMIT_", 7) == 0)
        word += 7;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(word, names[i].name) == 0) {
            *mask |= 1u << names[i].which;
            return 0;
        }
    return -EINVAL;
}

int propagate_read(const char *words, uint32_t *ret_mask, struct bp_error *err)
{
    auto_free char *copy = bp_strdup(words);
    char *rest = copy;
    uint32_t mask = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        if (strcasecmp(word, "ALL") == 0)
            mask = PROPAGATE_ALL;
        else if (strcasecmp(word, "NONE") != 0 && read_name(word, &mask) < 0)
            return bp_error_set(err, -EINVAL, "--propagate: \"%.40s\" is no limit; there are ALL, "
                                "NONE, AS, CORE, CPU, DATA, FSIZE, MEMLOCK, MSGQUEUE, NICE, "
                                "NOFILE, NPROC, RSS, RTPRIO, RTTIME, SIGPENDING, STACK", word);
    }
    *ret_mask = mask;
    return 0;
}

void propagate_apply(uint32_t mask, Bpmix__JobRequest *request)
{
    for (size_t i = 0; i < request->n_limits; i++)
        request->limits[i]->node_soft = (mask >> request->limits[i]->which & 1) == 0;
}
