/* SPDX-License-Identifier: BSD-3-Clause */
/* hello.c - the smallest MPI job: everyone comes up, knows its rank, and leaves. */
#include <mpi.h>

int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Finalize();
    return rank >= size;
}
