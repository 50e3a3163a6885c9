/* SPDX-License-Identifier: BSD-3-Clause */
/* log.h - one event, one line on stderr: "program: level: event key=value ...". For programs only;
 * library rooms return errors instead. */
#ifndef BP_COMMON_LOG_H
#define BP_COMMON_LOG_H

enum bp_log_level { BP_LOG_ERROR, BP_LOG_WARNING, BP_LOG_INFO, BP_LOG_DEBUG };

/* name stands in front of every line; lines above level are dropped. name is kept, not copied. */
void bp_log_init(const char *name, enum bp_log_level level);
void bp_log(enum bp_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define bp_log_error(...)   bp_log(BP_LOG_ERROR, __VA_ARGS__)
#define bp_log_warning(...) bp_log(BP_LOG_WARNING, __VA_ARGS__)
#define bp_log_info(...)    bp_log(BP_LOG_INFO, __VA_ARGS__)
#define bp_log_debug(...)   bp_log(BP_LOG_DEBUG, __VA_ARGS__)

/* A token bucket for events that a peer can cause: at most burst lines at once, one more a
 * second. */
struct bp_log_limit {
    unsigned burst;
    unsigned tokens;
    long last_s;
    unsigned long dropped;
};
/* 1 = log it now (and *ret_dropped lines were left out before it), 0 = drop it. */
int bp_log_limit_pass(struct bp_log_limit *limit, unsigned long *ret_dropped);

#endif
