/* SPDX-License-Identifier: BSD-3-Clause */
/* hello.c - the smallest MPI job: everyone comes up, knows its rank, and leaves. With an argument
 * it leaves at once: what it costs to get here. */
#include <mpi.h>

int main(int argc, char **argv)
{
    int rank, size;
    if (argc > 1)
        return 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Finalize();
    return rank >= size;
}
