/* SPDX-License-Identifier: BSD-3-Clause */
/* sendrecv.c - every rank exchanges a big message with the rank half-way round and checks every
 * byte. Argument: MiB (64). */
#include <stdint.h>

#include <mpi.h>

#include "check.h"

static unsigned char pattern(int rank, size_t i)
{
    return (unsigned char)((size_t)rank * 131 + i * 7 + (i >> 12));
}

int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
    unsigned char *in = malloc(bytes), *out = malloc(bytes);
    CHECK(in != NULL && out != NULL, "no memory");
    int to = (rank + size / 2) % size, from = (rank + size - size / 2) % size;
    for (size_t i = 0; i < bytes; i++)
        out[i] = pattern(rank, i);
    MPI_Sendrecv(out, (int)bytes, MPI_BYTE, to, 1, in, (int)bytes, MPI_BYTE, from, 1,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (size_t i = 0; i < bytes; i++)
        CHECK(in[i] == pattern(from, i), "byte %zu from rank %d is %u", i, from, in[i]);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("sendrecv: %zu MiB between %d ranks ok\n", bytes >> 20, size);
    free(in);
    free(out);
    MPI_Finalize();
    return 0;
}
