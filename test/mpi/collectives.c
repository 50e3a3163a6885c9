/* SPDX-License-Identifier: BSD-3-Clause */
/* collectives.c - Allreduce, Alltoall, Bcast and Split with results that are checked. */
#include <mpi.h>

#include "check.h"

#define WORDS 1000

static void check_allreduce(int rank, int size)
{
    static double in[WORDS], out[WORDS];
    for (int i = 0; i < WORDS; i++)
        in[i] = rank + i;
    MPI_Allreduce(in, out, WORDS, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i < WORDS; i++) {
        double expected = size * (size - 1) / 2.0 + (double)size * i;
        CHECK(out[i] == expected, "allreduce[%d] is %g, not %g", i, out[i], expected);
    }
}

static void check_alltoall(int rank, int size)
{
    int *in = malloc((size_t)size * WORDS * sizeof *in);
    int *out = malloc((size_t)size * WORDS * sizeof *out);
    for (int to = 0; to < size; to++)
        for (int i = 0; i < WORDS; i++)
            in[to * WORDS + i] = rank * 1000000 + to * 1000 + i;
    MPI_Alltoall(in, WORDS, MPI_INT, out, WORDS, MPI_INT, MPI_COMM_WORLD);
    for (int from = 0; from < size; from++)
        for (int i = 0; i < WORDS; i++)
            CHECK(out[from * WORDS + i] == from * 1000000 + rank * 1000 + i,
                  "alltoall from %d word %d is %d", from, i, out[from * WORDS + i]);
    free(in);
    free(out);
}

static void check_bcast(int rank, int size)
{
    for (int root = 0; root < size; root += 1 + size / 4) {
        int value = rank == root ? 4711 + root : -1;
        MPI_Bcast(&value, 1, MPI_INT, root, MPI_COMM_WORLD);
        CHECK(value == 4711 + root, "bcast from %d is %d", root, value);
    }
}

static void check_split(int rank, int size)
{
    MPI_Comm half;
    int sum = 0, expected = 0;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, half);
    for (int i = rank % 2; i < size; i += 2)
        expected += i;
    CHECK(sum == expected, "sum of my half is %d, not %d", sum, expected);
    MPI_Comm_free(&half);
}

int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    check_allreduce(rank, size);
    check_alltoall(rank, size);
    check_bcast(rank, size);
    check_split(rank, size);
    if (rank == 0)
        printf("collectives: %d ranks ok\n", size);
    MPI_Finalize();
    return 0;
}
