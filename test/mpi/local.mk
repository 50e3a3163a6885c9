# MPI programs of the tests: built by $(MPICC)
MPICC = mpicc
BP_MPI_C = \
	test/mpi/abort.c test/mpi/apps.c test/mpi/barrier.c test/mpi/collectives.c test/mpi/hello.c test/mpi/names.c \
	test/mpi/ring.c test/mpi/sendrecv.c
BP_PMIX_C = test/mpi/pmixevent.c test/mpi/pmixfence.c
BP_MPI_BUILT = $(BP_MPI_C:.c=) $(BP_PMIX_C:.c=)
BP_MPI_FLAGS = -std=gnu17 -D_GNU_SOURCE $(WARN_CFLAGS) $(CFLAGS)

$(BP_MPI_C:.c=): test/mpi/%: $(top_srcdir)/test/mpi/%.c $(top_srcdir)/test/mpi/check.h
	$(AM_V_CC)$(MKDIR_P) test/mpi && $(MPICC) $(BP_MPI_FLAGS) -o $@ $<
$(BP_PMIX_C:.c=): test/mpi/%: $(top_srcdir)/test/mpi/%.c $(top_srcdir)/test/mpi/check.h
	$(AM_V_CC)$(MKDIR_P) test/mpi && \
	$(CC) $(BP_MPI_FLAGS) $(PMIX_CFLAGS) -o $@ $< $(PMIX_LIBS) -lpthread

mpi-programs: $(BP_MPI_BUILT)
.PHONY: mpi-programs
check_DATA = $(BP_MPI_BUILT)
CLEANFILES += $(BP_MPI_BUILT)
EXTRA_DIST += $(BP_MPI_C) $(BP_PMIX_C) test/mpi/check.h \
	test/mpi/allreduce.py test/mpi/hello.py
