/* SPDX-License-Identifier: BSD-3-Clause */
/* abort.c - the last rank ends badly while the others wait in a barrier for ever.
 * Argument: "abort" (MPI_Abort with 7), "kill" (SIGKILL to itself), "exit" (exit(9) without
 * MPI_Finalize). The others must not come out of the barrier alive. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>

#include "check.h"

int main(int argc, char **argv)
{
    int rank, size;
    const char *how = argc > 1 ? argv[1] : "abort";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == size - 1) {
        if (strcmp(how, "kill") == 0)
            kill(getpid(), SIGKILL);
        if (strcmp(how, "exit") == 0)
            _exit(9);
        MPI_Abort(MPI_COMM_WORLD, 7);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(0, "rank %d came out of the barrier", rank);
}
