# tests of src/common
check_PROGRAMS += test_error
test_error_SOURCES = test/unit/test_error.c
test_error_CPPFLAGS = $(TEST_CPPFLAGS)
test_error_CFLAGS = $(BP_CFLAGS)
test_error_LDADD = libtap.la libcommon.la
