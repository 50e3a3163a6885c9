/* SPDX-License-Identifier: BSD-3-Clause */
/* hello.c - MPI_Init, one barrier, MPI_Finalize; one line a rank.
 * HELLO_RANKS=n in the environment: the job must have n ranks (singletons would not). */
#include <unistd.h>

#include <mpi.h>

#include "check.h"

int main(int argc, char **argv)
{
    int rank, size;
    char host[256] = "";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    gethostname(host, sizeof host - 1);
    const char *ranks = getenv("HELLO_RANKS");
    CHECK(ranks == NULL || atoi(ranks) == size, "%d ranks", size);
    printf("hello: rank %d of %d on %s pid %d\n", rank, size, host, (int)getpid());
    MPI_Finalize();
    return 0;
}
