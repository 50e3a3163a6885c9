# tests of src/pmix
# Plays bpmaster and bpnode for tests of bpshepherd; needs root, so it is not a test by itself.
noinst_PROGRAMS += shepherd_driver
shepherd_driver_SOURCES = test/system/shepherd_driver.c
shepherd_driver_CPPFLAGS = $(BP_CPPFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) $(PROTOBUF_C_CFLAGS)
shepherd_driver_CFLAGS = $(BP_CFLAGS)
shepherd_driver_LDADD = $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
