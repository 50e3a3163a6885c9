# tests of src/proto
check_PROGRAMS += test_frame
test_frame_SOURCES = test/unit/test_frame.c
test_frame_CPPFLAGS = $(TEST_CPPFLAGS)
test_frame_CFLAGS = $(BP_CFLAGS)
test_frame_LDADD = libtap.la libproto.la libcommon.la $(PROTOBUF_C_LIBS)
EXTRA_DIST += test/fuzz/fuzz_frame.c
check_PROGRAMS += test_wire
test_wire_SOURCES = test/unit/test_wire.c
test_wire_CPPFLAGS = $(TEST_CPPFLAGS) $(libproto_la_CPPFLAGS)
test_wire_CFLAGS = $(BP_CFLAGS)
test_wire_LDADD = libtap.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
check_PROGRAMS += test_tls
test_tls_SOURCES = test/unit/test_tls.c
test_tls_CPPFLAGS = $(TEST_CPPFLAGS) $(libproto_la_CPPFLAGS)
test_tls_CFLAGS = $(BP_CFLAGS)
test_tls_LDADD = libtap.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
