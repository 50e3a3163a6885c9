# what a launcher needs: becomes the inside of libbproc
noinst_LTLIBRARIES += libjob.la
libjob_la_SOURCES = \
	src/lib/client.c src/lib/client.h \
	src/lib/herd.c src/lib/herd.h \
	src/lib/job.c src/lib/job.h \
	src/lib/launch.c src/lib/launch.h \
	src/lib/request.c
libjob_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
libjob_la_CFLAGS = $(BP_CFLAGS)
