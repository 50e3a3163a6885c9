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

# Scripts with the folders of this installation in them.
bin_SCRIPTS += bpcluster
CLEANFILES += bpcluster bprsh
EXTRA_DIST += src/tools/bpcluster.in
BP_SUBSTITUTE = $(AM_V_GEN)$(SED) -e 's|@prefix[@]|$(prefix)|g' -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sbindir[@]|$(sbindir)|g' -e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g' -e 's|@PACKAGE_VERSION[@]|$(PACKAGE_VERSION)|g'
bpcluster: $(top_srcdir)/src/tools/bpcluster.in Makefile
	$(BP_SUBSTITUTE) $(top_srcdir)/src/tools/bpcluster.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
