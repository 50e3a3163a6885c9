# tests of src/pmix
# Plays bpmaster and bpnode for tests of bpshepherd; needs root, so it is not a test by itself.
noinst_PROGRAMS += shepherd_driver
shepherd_driver_SOURCES = test/system/shepherd_driver.c
shepherd_driver_CPPFLAGS = $(BP_CPPFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) $(PROTOBUF_C_CFLAGS)
shepherd_driver_CFLAGS = $(BP_CFLAGS)
shepherd_driver_LDADD = $(BP_PROTO_LIBS) $(BP_TLS_LIBS)

check_PROGRAMS += test_tree test_signature test_codec test_party test_shepherd
BP_PMIX_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(PMIX_CFLAGS) $(EVENT_CFLAGS) $(PROTOBUF_C_CFLAGS)
BP_PMIX_TEST_LIBS = libtap.la $(BP_SHEPHERD_LIBS)
test_tree_SOURCES = test/unit/test_tree.c
test_tree_CPPFLAGS = $(BP_PMIX_TEST_CPPFLAGS)
test_tree_CFLAGS = $(BP_CFLAGS)
test_tree_LDADD = $(BP_PMIX_TEST_LIBS)
test_signature_SOURCES = test/unit/test_signature.c
test_signature_CPPFLAGS = $(BP_PMIX_TEST_CPPFLAGS)
test_signature_CFLAGS = $(BP_CFLAGS)
test_signature_LDADD = $(BP_PMIX_TEST_LIBS)
test_codec_SOURCES = test/unit/test_codec.c
test_codec_CPPFLAGS = $(BP_PMIX_TEST_CPPFLAGS)
test_codec_CFLAGS = $(BP_CFLAGS)
test_codec_LDADD = $(BP_PMIX_TEST_LIBS)
test_party_SOURCES = test/unit/test_party.c
test_party_CPPFLAGS = $(BP_PMIX_TEST_CPPFLAGS)
test_party_CFLAGS = $(BP_CFLAGS)
test_party_LDADD = $(BP_PMIX_TEST_LIBS)
# starts ./bpshepherd, which needs no root but an up loopback interface
test_shepherd_SOURCES = test/unit/test_shepherd.c
test_shepherd_CPPFLAGS = $(BP_PMIX_TEST_CPPFLAGS)
test_shepherd_CFLAGS = $(BP_CFLAGS)
test_shepherd_LDADD = libtap.la $(BP_PROTO_LIBS)
test_shepherd_DEPENDENCIES = libtap.la libproto.la libcommon.la bpshepherd
EXTRA_DIST += test/system/shepherd.py
