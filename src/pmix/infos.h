/* SPDX-License-Identifier: BSD-3-Clause */
/* infos.h - a growing array of pmix_info_t, nestable. */
#ifndef BP_PMIX_INFOS_H
#define BP_PMIX_INFOS_H

#include <stdbool.h>

#include <pmix.h>

struct bp_infos {
    pmix_info_t *array;
    size_t count, capacity;
};

void bp_infos_add(struct bp_infos *infos, const char *key, const void *value,
                  pmix_data_type_t type);
static inline void bp_infos_string(struct bp_infos *infos, const char *key, const char *value)
{
    bp_infos_add(infos, key, value, PMIX_STRING);
}
static inline void bp_infos_number(struct bp_infos *infos, const char *key, uint32_t value)
{
    bp_infos_add(infos, key, &value, PMIX_UINT32);
}
static inline void bp_infos_small(struct bp_infos *infos, const char *key, uint16_t value)
{
    bp_infos_add(infos, key, &value, PMIX_UINT16);
}
static inline void bp_infos_rank(struct bp_infos *infos, const char *key, pmix_rank_t value)
{
    bp_infos_add(infos, key, &value, PMIX_PROC_RANK);
}
static inline void bp_infos_true(struct bp_infos *infos, const char *key)
{
    bp_infos_add(infos, key, &(bool){true}, PMIX_BOOL);
}
/* inner becomes a value of infos. */
void bp_infos_nest(struct bp_infos *infos, const char *key, struct bp_infos *take_inner);
void bp_infos_done(struct bp_infos *infos);

#endif
