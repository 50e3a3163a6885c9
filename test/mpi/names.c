/* SPDX-License-Identifier: BSD-3-Clause */
/* names.c - the upper half of the ranks publishes a port and accepts, the lower half looks it up
 * and connects; each side checks the other's sum. Then the name is taken back. */
#include <string.h>

#include <mpi.h>

#include "check.h"

#define SERVICE "bpmix-test-names"

static void serve(MPI_Comm half, int leader, MPI_Comm *ret_other)
{
    char port[MPI_MAX_PORT_NAME] = "";
    if (leader) {
        MPI_Open_port(MPI_INFO_NULL, port);
        CHECK(MPI_Publish_name(SERVICE, MPI_INFO_NULL, port) == MPI_SUCCESS, "publish");
    }
    MPI_Barrier(MPI_COMM_WORLD); /* published before it is looked up */
    MPI_Comm_accept(port, MPI_INFO_NULL, 0, half, ret_other);
    if (leader) {
        CHECK(MPI_Unpublish_name(SERVICE, MPI_INFO_NULL, port) == MPI_SUCCESS, "unpublish");
        MPI_Close_port(port);
    }
}

static void look(MPI_Comm half, int leader, MPI_Comm *ret_other)
{
    char port[MPI_MAX_PORT_NAME] = "";
    MPI_Barrier(MPI_COMM_WORLD);
    if (leader)
        CHECK(MPI_Lookup_name(SERVICE, MPI_INFO_NULL, port) == MPI_SUCCESS, "lookup");
    MPI_Comm_connect(port, MPI_INFO_NULL, 0, half, ret_other);
}

static void check_gone(void)
{
    char port[MPI_MAX_PORT_NAME];
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    CHECK(MPI_Lookup_name(SERVICE, MPI_INFO_NULL, port) != MPI_SUCCESS, "still published");
}

int main(int argc, char **argv)
{
    int rank, size, half_rank, sum = 0, expected = 0;
    MPI_Comm half, other;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(size >= 2, "2 ranks or more");
    int upper = rank >= size / 2;
    MPI_Comm_split(MPI_COMM_WORLD, upper, rank, &half);
    MPI_Comm_rank(half, &half_rank);
    if (upper)
        serve(half, half_rank == 0, &other);
    else
        look(half, half_rank == 0, &other);
    /* an allreduce over an intercommunicator gives the other group's sum */
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, other);
    for (int i = upper ? 0 : size / 2; i < (upper ? size / 2 : size); i++)
        expected += i;
    CHECK(sum == expected, "the other side's sum is %d, not %d", sum, expected);
    MPI_Comm_disconnect(&other);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        check_gone();
        printf("names: %d ranks ok\n", size);
    }
    MPI_Comm_free(&half);
    MPI_Finalize();
    return 0;
}
