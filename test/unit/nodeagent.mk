# tests of src/nodeagent
# Needs root, so it is not in TESTS: the runner of the system tests starts it.
noinst_PROGRAMS += space_driver
space_driver_SOURCES = \
	test/lib/space_peer.c test/lib/space_peer.h \
	test/system/space_birth.c \
	test/system/space_driver.c \
	test/system/space_end.c \
	test/system/space_input.c \
	test/system/space_life.c \
	test/system/space_rank.c test/system/space_rank.h \
	test/system/space_tests.h
space_driver_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_srcdir)/test/system
space_driver_CFLAGS = $(BP_CFLAGS)
space_driver_LDADD = libspacelink.la libcommon.la
check_PROGRAMS += test_ompi
test_ompi_SOURCES = test/unit/test_ompi.c src/nodeagent/ompi.c src/nodeagent/ompi.h
test_ompi_CPPFLAGS = $(TEST_CPPFLAGS)
test_ompi_CFLAGS = $(BP_CFLAGS)
test_ompi_LDADD = libtap.la libcommon.la
check_PROGRAMS += test_space_order
test_space_order_SOURCES = test/unit/test_space_order.c \
	src/nodeagent/space_file.c src/nodeagent/space_job.c src/nodeagent/space_order.c
test_space_order_CPPFLAGS = $(TEST_CPPFLAGS)
test_space_order_CFLAGS = $(BP_CFLAGS)
test_space_order_LDADD = libtap.la libspacelink.la libcommon.la
