# tests of src/tools that need no cluster
check_PROGRAMS += test_verdict
test_verdict_SOURCES = test/unit/test_verdict.c
test_verdict_CPPFLAGS = $(TEST_CPPFLAGS) $(librun_la_CPPFLAGS)
test_verdict_CFLAGS = $(BP_CFLAGS)
test_verdict_LDADD = libtap.la $(BP_TOOL_LIBS)
check_PROGRAMS += test_words
test_words_SOURCES = test/unit/test_words.c
test_words_CPPFLAGS = $(TEST_CPPFLAGS)
test_words_CFLAGS = $(BP_CFLAGS)
test_words_LDADD = libtap.la $(BP_TOOL_LIBS)
check_PROGRAMS += test_output
test_output_SOURCES = test/unit/test_output.c src/tools/output.c src/tools/output.h
test_output_CPPFLAGS = $(TEST_CPPFLAGS) $(librun_la_CPPFLAGS)
test_output_CFLAGS = $(BP_CFLAGS)
test_output_LDADD = libtap.la $(BP_PROTO_LIBS) $(EVENT_LIBS)
check_PROGRAMS += test_proc_rows
test_proc_rows_SOURCES = test/unit/test_proc_rows.c src/tools/proc_rows.c src/tools/node_rows.c
test_proc_rows_CPPFLAGS = $(TEST_CPPFLAGS) $(librun_la_CPPFLAGS)
test_proc_rows_CFLAGS = $(BP_CFLAGS)
test_proc_rows_LDADD = libtap.la $(BP_TOOL_LIBS)
# a launcher for test/system/start.py
noinst_PROGRAMS += start_driver
start_driver_SOURCES = test/system/start_driver.c
start_driver_CPPFLAGS = $(TEST_CPPFLAGS) $(librun_la_CPPFLAGS)
start_driver_CFLAGS = $(BP_CFLAGS)
start_driver_LDADD = libjob.la libimage.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
