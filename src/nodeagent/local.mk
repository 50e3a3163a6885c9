# targets of src/nodeagent
EXTRA_DIST += src/nodeagent/README.md
# bpnode's side of a space
noinst_LTLIBRARIES += libspacelink.la
libspacelink_la_SOURCES = \
	src/nodeagent/space_link.c src/nodeagent/space_link.h \
	src/nodeagent/space_start.c src/nodeagent/space_start.h
libspacelink_la_CPPFLAGS = $(BP_CPPFLAGS)
libspacelink_la_CFLAGS = $(BP_CFLAGS)

# PID 1 of a space: static, and without a sanitizer's runtime, so it compiles what it shares itself
pkglibexec_PROGRAMS += bpspace
bpspace_SOURCES = \
	src/common/clock.h \
	src/common/dial.c src/common/dial.h \
	src/common/error.c src/common/error.h \
	src/common/log.c src/common/log.h \
	src/common/mem.c src/common/mem.h \
	src/common/pattern.c src/common/pattern.h \
	src/image/decode.c src/image/decode.h \
	src/nodeagent/space_blocked.c \
	src/nodeagent/space_child.c src/nodeagent/space_child.h \
	src/nodeagent/space_exe.c src/nodeagent/space_exe.h \
	src/nodeagent/space_family.c src/nodeagent/space_family.h \
	src/nodeagent/space_file.c src/nodeagent/space_file.h \
	src/nodeagent/space_ghost.c src/nodeagent/space_ghost.h \
	src/nodeagent/space_job.c src/nodeagent/space_job.h \
	src/nodeagent/space_link.c src/nodeagent/space_link.h \
	src/nodeagent/space_main.c \
	src/nodeagent/space_maker.c src/nodeagent/space_maker.h \
	src/nodeagent/space_mount.c src/nodeagent/space_mount.h \
	src/nodeagent/space_order.c src/nodeagent/space_order.h \
	src/nodeagent/space_process.c src/nodeagent/space_process.h \
	src/nodeagent/space_up.c src/nodeagent/space_up.h \
	src/nodeagent/space_watch.c src/nodeagent/space_watch.h
bpspace_CPPFLAGS = $(BP_CPPFLAGS)
bpspace_CFLAGS = $(BP_BARE_CFLAGS)
bpspace_LDFLAGS = -all-static
sbin_PROGRAMS += bpnode
bpnode_SOURCES = \
	src/nodeagent/asker.c \
	src/nodeagent/dial.c \
	src/nodeagent/agent.h \
	src/nodeagent/app.c \
	src/nodeagent/cpu.c \
	src/nodeagent/data.c \
	src/nodeagent/flow.c \
	src/nodeagent/guest.c \
	src/nodeagent/leave.c \
	src/nodeagent/setup.c \
	src/nodeagent/image.c \
	src/nodeagent/join.c \
	src/nodeagent/lease.c \
	src/nodeagent/main.c \
	src/nodeagent/mirror.c \
	src/nodeagent/ompi.c src/nodeagent/ompi.h \
	src/nodeagent/order.c \
	src/nodeagent/rank.c \
	src/nodeagent/relay.c \
	src/nodeagent/shepherd.c \
	src/nodeagent/space.c \
	src/nodeagent/stdio.c \
	src/nodeagent/terminal.c \
	src/nodeagent/topology.c \
	src/nodeagent/tree.c \
	src/nodeagent/visitor.c
bpnode_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
bpnode_CFLAGS = $(BP_CFLAGS)
bpnode_LDADD = libspacelink.la libimage.la libplacement.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS)
