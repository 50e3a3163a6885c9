# targets of src/tools
pkglibexec_PROGRAMS += bpcluster-node
bpcluster_node_SOURCES = \
	src/tools/cluster_node.c \
	src/tools/cluster_control.c src/tools/cluster_control.h src/tools/cluster_tell.c \
	src/tools/cluster_daemon.c src/tools/cluster_daemon.h \
	src/tools/cluster_machine.c src/tools/cluster_machine.h
bpcluster_node_CPPFLAGS = $(BP_CPPFLAGS)
bpcluster_node_CFLAGS = $(BP_CFLAGS)
bpcluster_node_LDADD = libcommon.la

bin_SCRIPTS += bpcluster
CLEANFILES += bpcluster
EXTRA_DIST += src/tools/bpcluster.in
bpcluster: $(top_srcdir)/src/tools/bpcluster.in Makefile
	$(BP_SUBSTITUTE) $(top_srcdir)/src/tools/bpcluster.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
