/* SPDX-License-Identifier: BSD-3-Clause */
/* infos.c - a growing array of pmix_info_t. */
#include <string.h>

#include "common/mem.h"
#include "pmix/infos.h"

static pmix_info_t *grow(struct bp_infos *infos)
{
    if (infos->count == infos->capacity) {
        infos->capacity = infos->capacity > 0 ? 2 * infos->capacity : 16;
        infos->array = bp_realloc(infos->array, infos->capacity, sizeof *infos->array);
    }
    pmix_info_t *info = &infos->array[infos->count++];
    memset(info, 0, sizeof *info);
    return info;
}

void bp_infos_add(struct bp_infos *infos, const char *key, const void *value,
                  pmix_data_type_t type)
{
    PMIX_INFO_LOAD(grow(infos), key, value, type);
}

void bp_infos_nest(struct bp_infos *infos, const char *key, struct bp_infos *take_inner)
{
    pmix_info_t *info = grow(infos);
    pmix_data_array_t *array = bp_calloc(1, sizeof *array);
    array->type = PMIX_INFO;
    array->size = take_inner->count;
    array->array = take_inner->array;
    PMIX_LOAD_KEY(info->key, key);
    info->value.type = PMIX_DATA_ARRAY;
    info->value.data.darray = array;
    *take_inner = (struct bp_infos){0};
}

void bp_infos_done(struct bp_infos *infos)
{
    for (size_t i = 0; i < infos->count; i++)
        PMIX_INFO_DESTRUCT(&infos->array[i]);
    free(infos->array);
    *infos = (struct bp_infos){0};
}
