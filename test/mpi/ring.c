/* SPDX-License-Identifier: BSD-3-Clause */
/* ring.c - every rank says where it is and passes a token on; rank 0 ends with
 * "ring: N ranks on M hosts ok". */
#include <string.h>
#include <unistd.h>

#include <mpi.h>

#include "check.h"

#define LAPS  3
#define WIDTH 64

static int count_hosts(const char *hosts, int size)
{
    int distinct = 0;
    for (int i = 0; i < size; i++) {
        int seen = 0;
        for (int j = 0; j < i && !seen; j++)
            seen = strcmp(hosts + i * WIDTH, hosts + j * WIDTH) == 0;
        distinct += !seen;
    }
    return distinct;
}

int main(int argc, char **argv)
{
    int rank, size, token = 0;
    char host[WIDTH] = "";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    gethostname(host, sizeof host - 1);
    printf("ring: rank %d of %d on %s\n", rank, size, host);
    fflush(stdout);

    int next = (rank + 1) % size, previous = (rank + size - 1) % size;
    for (int lap = 0; lap < LAPS && size > 1; lap++) {
        if (rank == 0)
            MPI_Send(&token, 1, MPI_INT, next, lap, MPI_COMM_WORLD);
        MPI_Recv(&token, 1, MPI_INT, previous, lap, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        int expected = lap * size + (rank == 0 ? size - 1 : rank - 1);
        CHECK(token == expected, "rank %d lap %d: token %d, not %d", rank, lap, token, expected);
        token++;
        if (rank != 0)
            MPI_Send(&token, 1, MPI_INT, next, lap, MPI_COMM_WORLD);
    }

    char *hosts = rank == 0 ? malloc((size_t)size * WIDTH) : NULL;
    MPI_Gather(host, WIDTH, MPI_CHAR, hosts, WIDTH, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("ring: %d ranks on %d hosts ok\n", size, count_hosts(hosts, size));
    free(hosts);
    MPI_Finalize();
    return 0;
}
