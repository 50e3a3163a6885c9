/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.c - one of several programs of a job: which one it is, by MPI_APPNUM, and all ranks together
 * at a barrier of MPI_COMM_WORLD. */
#include <mpi.h>

#include "check.h"

int main(int argc, char **argv)
{
    int rank, size, found = 0, *number = NULL;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &found);
    CHECK(found, "no MPI_APPNUM");
    MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d of %d app %d", rank, size, *number);
    for (int i = 1; i < argc; i++)
        printf(" %s", argv[i]);
    printf("%s%s\n", getenv("APPS_WORD") != NULL ? " word " : "",
           getenv("APPS_WORD") != NULL ? getenv("APPS_WORD") : "");
    MPI_Finalize();
    return 0;
}
