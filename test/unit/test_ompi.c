/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ompi.c - the settings of Open MPI that bpnode adds, and when it does not. */
#include <stdlib.h>
#include <string.h>

#include "nodeagent/ompi.h"
#include "tap.h"

static void parameter(void)
{
    static const char text[] = "# mtl = no\nbtl = ^uct\n  mtl =  ^ofi  # why\nmtlx = 1\n";
    char *value = ompi_parameter(text, "mtl");
    CU_ASSERT_PTR_NOT_NULL(value);
    if (value != NULL)
        CU_ASSERT_STRING_EQUAL(value, "^ofi");
    free(value);
    CU_ASSERT_PTR_NULL(ompi_parameter(text, "pml"));
    CU_ASSERT_PTR_NULL(ompi_parameter("", "mtl"));
    CU_ASSERT_PTR_NULL(ompi_parameter("mtl", "mtl"));
}

static void user_choice_stays(void)
{
    char *env[] = {(char *)"A=1", (char *)"OMPI_MCA_mtl=ofi"};
    CU_ASSERT_PTR_NULL(ompi_mtl_without_psm(env, 2));
    CU_ASSERT_EQUAL(ompi_is_set(env, 2, "OMPI_MCA_mtl"), 1);
    CU_ASSERT_EQUAL(ompi_is_set(env, 2, "OMPI_MCA_mt"), 0);
    CU_ASSERT_EQUAL(ompi_is_set(env, 1, "OMPI_MCA_mtl"), 0);
}

/* Without a choice of the user the site's list stays in the value. */
static void added_to_the_site_list(void)
{
    char *env[] = {(char *)"A=1"};
    char *value = ompi_mtl_without_psm(env, 1);
    if (value != NULL) {
        CU_ASSERT_PTR_NOT_NULL(strstr(value, "OMPI_MCA_mtl=^"));
        CU_ASSERT_PTR_NOT_NULL(strstr(value, "psm,psm2"));
    }
    free(value);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a parameter of a file", parameter},
        {"what the user chose stays", user_choice_stays},
        {"added to the site's list", added_to_the_site_list},
        {NULL, NULL},
    };
    return bp_tap_run("ompi", tests);
}
