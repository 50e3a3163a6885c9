# what a launcher needs: becomes the inside of libbproc
noinst_LTLIBRARIES += libjob.la
libjob_la_SOURCES = \
	src/lib/client.c src/lib/client.h \
	src/lib/herd.c src/lib/herd.h \
	src/lib/job.c src/lib/job.h src/lib/job_inner.h \
	src/lib/job_data.c \
	src/lib/job_input.c \
	src/lib/job_dry.c src/lib/job_stay.c \
	src/lib/launch.c src/lib/launch.h \
	src/lib/node.c src/lib/node.h \
	src/lib/request.c \
	src/lib/sending.c src/lib/sending.h
libjob_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
libjob_la_CFLAGS = $(BP_CFLAGS)

# libbproc, for everybody's programs: no event loop and no TLS in it, so it compiles what it shares
# itself. Only what libbproc.map names can be seen.
lib_LTLIBRARIES += libbproc.la
libbproc_la_SOURCES = \
	src/common/cpu.c src/common/cpu_x86_64.c src/common/cpu.h \
	src/common/error.c src/common/error.h \
	src/common/mem.c src/common/mem.h \
	src/common/nodeset.c src/common/nodeset.h \
	src/common/yama.c src/common/yama.h \
	src/lib/bproc_admin.c \
	src/lib/bproc_attribute.c \
	src/lib/bproc_dump.c \
	src/lib/bproc_exec.c \
	src/lib/bproc_fork.c \
	src/lib/bproc_library.c \
	src/lib/bproc_move.c \
	src/lib/bproc_node.c \
	src/lib/bproc_nodeset.c \
	src/lib/bproc_proc.c \
	src/lib/bproc_rights.c \
	src/lib/bproc_version.c \
	src/lib/bproc_warm.c \
	src/lib/client.c src/lib/client.h \
	src/lib/crew.c src/lib/crew.h \
	src/lib/descriptors.c src/lib/descriptors.h \
	src/lib/herd.c src/lib/herd.h \
	src/lib/homes.c src/lib/homes.h \
	src/lib/keeper.c src/lib/keeper.h \
	src/lib/launch.c src/lib/launch.h \
	src/lib/node.c src/lib/node.h \
	src/lib/onward.c src/lib/onward.h \
	src/lib/order.c src/lib/order.h \
	src/lib/passage.c src/lib/passage.h \
	src/lib/public.h \
	src/lib/quiet.c src/lib/quiet.h \
	src/lib/request.c \
	src/lib/warm.h \
	src/proto/frame.c src/proto/frame.h \
	src/proto/local.c src/proto/local.h \
	src/proto/pack.c src/proto/pack.h
nodist_libbproc_la_SOURCES = src/proto/bpmix.pb-c.c src/proto/bpmix.pb-c.h
libbproc_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
libbproc_la_CFLAGS = $(BP_CFLAGS)
libbproc_la_LDFLAGS = -version-info 4:0:0 -Wl,--version-script=$(top_srcdir)/src/lib/libbproc.map
libbproc_la_LIBADD = libimage.la $(PROTOBUF_C_LIBS)
libbproc_la_DEPENDENCIES = libimage.la $(top_srcdir)/src/lib/libbproc.map
bprocincludedir = $(includedir)/sys
bprocinclude_HEADERS = include/sys/bproc.h include/sys/bproc_common.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = libbproc.pc
CLEANFILES += libbproc.pc
EXTRA_DIST += src/lib/libbproc.map src/lib/libbproc.pc.in
libbproc.pc: $(top_srcdir)/src/lib/libbproc.pc.in Makefile
	$(BP_SUBSTITUTE) $(top_srcdir)/src/lib/libbproc.pc.in >$@.tmp && mv $@.tmp $@
