# tests of src/master
check_PROGRAMS += test_proc
test_proc_SOURCES = test/unit/test_proc.c src/master/proc.c
test_proc_CPPFLAGS = $(TEST_CPPFLAGS) $(libproto_la_CPPFLAGS)
test_proc_CFLAGS = $(BP_CFLAGS)
test_proc_LDADD = libtap.la
check_PROGRAMS += test_config
test_config_SOURCES = test/unit/test_config.c src/master/config.c src/master/config.h
test_config_CPPFLAGS = $(TEST_CPPFLAGS)
test_config_CFLAGS = $(BP_CFLAGS)
test_config_LDADD = libtap.la libcommon.la
