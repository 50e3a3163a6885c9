sbin_PROGRAMS += bpmaster
bpmaster_SOURCES = \
	src/master/admin.c \
	src/master/breed.c \
	src/master/config.c src/master/config.h \
	src/master/hardware.c \
	src/master/herd.c src/master/herd.h \
	src/master/job.c src/master/job_frames.c src/master/job_list.c \
	src/master/limits.c src/master/limits.h \
	src/master/listen.c \
	src/master/machine.c \
	src/master/main.c src/master/master.h \
	src/master/mirror.c \
	src/master/nested.c src/master/nested.h \
	src/master/node.c \
	src/master/order.c \
	src/master/in_place.c src/master/inside.c src/master/place.c \
	src/master/home.c src/master/home.h src/master/onward.c src/master/onward.h src/master/open.c \
	src/master/placing.c src/master/queue.c \
	src/master/proc.c \
	src/master/publish.c \
	src/master/relay.c src/master/resident.c \
	src/master/reload.c \
	src/master/rights.c src/master/rights.h \
	src/master/roster.c \
	src/master/signal.c src/master/spaces.c src/master/splice.c src/master/start.c src/master/stay.c \
	src/master/take.c src/master/tool.c \
	src/master/tree.c
bpmaster_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
bpmaster_CFLAGS = $(BP_CFLAGS)
bpmaster_LDADD = libplacement.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
