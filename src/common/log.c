/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - one event, one line on stderr. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

static const char *log_name = "bpmix";
static enum bp_log_level log_level = BP_LOG_INFO;

void bp_log_init(const char *name, enum bp_log_level level)
{
    log_name = name;
    log_level = level;
}

void bp_log(enum bp_log_level level, const char *format, ...)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    if (level > log_level)
        return;
    int saved = errno;
    char line[2048];
    int used = snprintf(line, sizeof line, "%s: %s: ", log_name, words[level]);
    va_list args;
    va_start(args, format);
    used += vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    if ((size_t)used > sizeof line - 2)
        used = sizeof line - 2;
    for (int i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)used);
    (void)ignored;
    errno = saved;
}

int bp_log_limit_pass(struct bp_log_limit *limit, unsigned long *ret_dropped)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (limit->last_s == 0)
        limit->tokens = limit->burst;
    else if (now.tv_sec > limit->last_s) {
        unsigned long more = (unsigned long)(now.tv_sec - limit->last_s) + limit->tokens;
        limit->tokens = more > limit->burst ? limit->burst : (unsigned)more;
    }
    limit->last_s = now.tv_sec;
    if (limit->tokens == 0) {
        limit->dropped++;
        return 0;
    }
    limit->tokens--;
    *ret_dropped = limit->dropped;
    limit->dropped = 0;
    return 1;
}
