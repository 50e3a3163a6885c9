noinst_LTLIBRARIES += libproto.la
src/proto/bpmix.pb-c.c src/proto/bpmix.pb-c.h: $(top_srcdir)/src/proto/bpmix.proto
	$(AM_V_GEN)$(MKDIR_P) src/proto && \
	$(PROTOC_C) --proto_path=$(top_srcdir)/src/proto --c_out=src/proto $(top_srcdir)/src/proto/bpmix.proto
BUILT_SOURCES += src/proto/bpmix.pb-c.h
CLEANFILES += src/proto/bpmix.pb-c.c src/proto/bpmix.pb-c.h
EXTRA_DIST += src/proto/bpmix.proto
nodist_libproto_la_SOURCES = src/proto/bpmix.pb-c.c src/proto/bpmix.pb-c.h
libproto_la_SOURCES = \
	src/proto/apps.c src/proto/apps.h \
	src/proto/channel.c src/proto/channel.h \
	src/proto/flow.c src/proto/flow.h \
	src/proto/frame.c src/proto/frame.h \
	src/proto/ghost_record.h src/proto/space_record.h \
	src/proto/key.c src/proto/key.h \
	src/proto/local.c src/proto/local.h \
	src/proto/pack.c src/proto/pack.h \
	src/proto/preamble.c src/proto/preamble.h \
	src/proto/relay.c src/proto/relay.h \
	src/proto/plain.c src/proto/plain.h \
	src/proto/stream.c src/proto/stream.h \
	src/proto/tick.c src/proto/tick.h \
	src/proto/tls.c src/proto/tls.h \
	src/proto/vault.c src/proto/vault.h
libproto_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
libproto_la_CFLAGS = $(BP_CFLAGS)
BP_PROTO_LIBS = libproto.la libcommon.la $(PROTOBUF_C_LIBS)
BP_TLS_LIBS = $(EVENT_SSL_LIBS) $(EVENT_LIBS) $(OPENSSL_LIBS)
