# MPI programs of the tests
