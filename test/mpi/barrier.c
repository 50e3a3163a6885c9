/* SPDX-License-Identifier: BSD-3-Clause */
/* barrier.c - one barrier after the other until the file FILE is there: a job for as long as a test
 * wants it. Usage: barrier FILE. Rank 0 prints "running" after the first and "done" at the end. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mpi.h>

#include "check.h"

static void say(const char *line)
{
    CHECK(write(STDOUT_FILENO, line, strlen(line)) > 0, "cannot write");
}

int main(int argc, char **argv)
{
    int rank, done = 0;
    MPI_Init(&argc, &argv);
    CHECK(argc == 2, "usage: barrier FILE");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (unsigned long round = 0; !done; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == 0 && round == 0)
            say("running\n");
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* leave CPU time to others */
        done = access(argv[1], F_OK) == 0;
        MPI_Bcast(&done, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
    if (rank == 0)
        say("done\n");
    MPI_Finalize();
    return 0;
}
