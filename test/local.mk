# targets of the tests; a test program is one source file of test/unit and prints TAP
noinst_LTLIBRARIES += libtap.la
libtap_la_SOURCES = test/lib/tap.c test/lib/tap.h
libtap_la_CPPFLAGS = $(TEST_CPPFLAGS)
libtap_la_CFLAGS = $(BP_CFLAGS)
libtap_la_LIBADD = $(CUNIT_LIBS)

include test/unit/common.mk
include test/unit/proto.mk
include test/unit/image.mk
include test/unit/placement.mk
include test/unit/ghost.mk
include test/unit/nodeagent.mk
include test/unit/pmix.mk
include test/unit/master.mk
include test/unit/lib.mk
include test/mpi/local.mk
include test/system/move/local.mk
include test/unit/imagestart.mk

noinst_PROGRAMS += sigrank
sigrank_SOURCES = test/system/sigrank.c
sigrank_CFLAGS = $(BP_BARE_CFLAGS)
# Tests are found by pattern, here too.
EXTRA_DIST += test/README.md test/run test/packages test/expected-skips test/fuzz/run test/lib/install-packages \
	test/lib/fetch-kernels \
	$(foreach suffix,c h mk py sh xml md txt,$(wildcard $(srcdir)/test/*/*.$(suffix))) \
	$(wildcard $(srcdir)/test/fuzz/*.seeds/*) \
	$(filter-out %.o %.lo,$(wildcard $(srcdir)/test/bench/* $(srcdir)/test/chaos/*))
