# targets of src/pmix
noinst_LTLIBRARIES += libshepherd.la
libshepherd_la_SOURCES = \
	src/pmix/abort.c \
	src/pmix/bridge.c src/pmix/bridge.h \
	src/pmix/client.c \
	src/pmix/codec.c src/pmix/codec.h \
	src/pmix/collective.c src/pmix/collective.h \
	src/pmix/connect.c \
	src/pmix/console.c \
	src/pmix/dmodex.c src/pmix/dmodex.h \
	src/pmix/event.c src/pmix/event.h \
	src/pmix/fence.c \
	src/pmix/infos.c src/pmix/infos.h \
	src/pmix/jobinfo.c src/pmix/jobinfo.h \
	src/pmix/link.c src/pmix/link.h \
	src/pmix/map.c src/pmix/map.h \
	src/pmix/party.c src/pmix/party.h \
	src/pmix/publish.c src/pmix/publish.h \
	src/pmix/query.c \
	src/pmix/server.c src/pmix/server.h \
	src/pmix/shepherd.c src/pmix/shepherd.h \
	src/pmix/signature.c src/pmix/signature.h \
	src/pmix/tree.c src/pmix/tree.h \
	src/pmix/upcalls.h
libshepherd_la_CPPFLAGS = $(BP_CPPFLAGS) $(PMIX_CFLAGS) $(EVENT_CFLAGS) $(PROTOBUF_C_CFLAGS)
libshepherd_la_CFLAGS = $(BP_CFLAGS)
BP_SHEPHERD_LIBS = libshepherd.la $(BP_PROTO_LIBS) $(PMIX_LIBS) $(EVENT_LIBS) -lpthread

pkglibexec_PROGRAMS += bpshepherd
bpshepherd_SOURCES = src/pmix/main.c
bpshepherd_CPPFLAGS = $(libshepherd_la_CPPFLAGS)
bpshepherd_CFLAGS = $(BP_CFLAGS)
bpshepherd_LDADD = $(BP_SHEPHERD_LIBS)
EXTRA_DIST += src/pmix/README.md
