noinst_LTLIBRARIES += librun.la
librun_la_SOURCES = \
	src/tools/arrival.c src/tools/arrival.h \
	src/tools/ending.c src/tools/ending.h \
	src/tools/homed.c src/tools/homed.h \
	src/tools/input.c src/tools/input.h \
	src/tools/launcher.c src/tools/launcher.h \
	src/tools/local.c src/tools/local.h \
	src/tools/map_job.c src/tools/map_job.h \
	src/tools/map_json.c src/tools/map_json.h \
	src/tools/map_nodes.c src/tools/map_nodes.h \
	src/tools/map_show.c src/tools/map_show.h \
	src/tools/output.c src/tools/output.h \
	src/tools/progress.c src/tools/progress.h \
	src/tools/ranks.c src/tools/ranks.h \
	src/tools/redirect.c src/tools/redirect.h \
	src/tools/report.c src/tools/report.h \
	src/tools/run.c src/tools/run.h \
	src/tools/sink.c src/tools/sink.h \
	src/tools/start.c src/tools/start.h \
	src/tools/terminal.c src/tools/terminal.h \
	src/tools/text.c src/tools/text.h \
	src/tools/topology.c src/tools/topology.h \
	src/tools/trial.c src/tools/trial.h \
	src/tools/turns.c src/tools/turns.h \
	src/tools/verdict.c src/tools/verdict.h \
	src/tools/waits.c src/tools/waits.h \
	src/tools/warm.c src/tools/warm.h \
	src/tools/words.c src/tools/words.h
librun_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS)
librun_la_CFLAGS = $(BP_CFLAGS)
BP_TOOL_LIBS = librun.la libjob.la libimage.la libplacement.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS) \
	$(JANSSON_LIBS)

# the command line of bprun
noinst_LTLIBRARIES += libbprun.la
libbprun_la_SOURCES = \
	src/tools/app_hosts.c src/tools/app_hosts.h \
	src/tools/apps.c src/tools/apps.h \
	src/tools/claims.c src/tools/claims.h \
	src/tools/environment.c src/tools/environment.h \
	src/tools/hosts.c src/tools/hosts.h \
	src/tools/io_options.c src/tools/io_options.h \
	src/tools/letters.c src/tools/letters.h \
	src/tools/life_options.c src/tools/life_options.h \
	src/tools/lines.c src/tools/lines.h \
	src/tools/map_options.c src/tools/map_options.h \
	src/tools/mpirun_options.c src/tools/mpirun_options.h \
	src/tools/mpirun_words.c \
	src/tools/multiprog.c \
	src/tools/options.c src/tools/options.h \
	src/tools/other_words.c src/tools/other_words.h \
	src/tools/place_lists.c \
	src/tools/place_settle.c \
	src/tools/place_options.c src/tools/place_options.h \
	src/tools/place_words.c src/tools/place_words.h \
	src/tools/propagate.c src/tools/propagate.h \
	src/tools/rankfile.c src/tools/rankfile.h \
	src/tools/said.c src/tools/said.h \
	src/tools/srun_words.c
libbprun_la_CPPFLAGS = $(librun_la_CPPFLAGS)
libbprun_la_CFLAGS = $(BP_CFLAGS)
libbprun_la_LIBADD = libplacement.la

pkglibexec_PROGRAMS += bpkeeper
bpkeeper_SOURCES = src/tools/bpkeeper.c src/tools/kept.c src/tools/kept.h
bpkeeper_CPPFLAGS = $(librun_la_CPPFLAGS)
bpkeeper_CFLAGS = $(BP_CFLAGS)
bpkeeper_LDADD = $(BP_TOOL_LIBS)

pkglibexec_PROGRAMS += bphome
bphome_SOURCES = src/tools/bphome.c src/tools/program.c src/tools/program.h
bphome_CPPFLAGS = $(librun_la_CPPFLAGS)
bphome_CFLAGS = $(BP_CFLAGS)
bphome_LDADD = $(BP_TOOL_LIBS)

# the two ends of bpcp
COPY_SOURCES = \
	src/tools/copy.h \
	src/tools/copy_file.c src/tools/copy_file.h \
	src/tools/copy_progress.c src/tools/copy_progress.h \
	src/tools/copy_record.c src/tools/copy_record.h \
	src/tools/copy_say.c \
	src/tools/copy_send.c \
	src/tools/copy_take.c

pkglibexec_PROGRAMS += bpcopy
bpcopy_SOURCES = src/tools/bpcopy.c $(COPY_SOURCES)
bpcopy_CPPFLAGS = $(BP_CPPFLAGS)
bpcopy_CFLAGS = $(BP_CFLAGS)
bpcopy_LDADD = libcommon.la

bin_PROGRAMS += bpcp bprun bpsh bpstat bpctl bpkill bplib
bpcp_SOURCES = src/tools/bpcp.c $(COPY_SOURCES)
bpcp_CPPFLAGS = $(librun_la_CPPFLAGS)
bpcp_CFLAGS = $(BP_CFLAGS)
bpcp_LDADD = $(BP_TOOL_LIBS)
bprun_SOURCES = src/tools/bprun.c
bprun_CPPFLAGS = $(librun_la_CPPFLAGS)
bprun_CFLAGS = $(BP_CFLAGS)
bprun_LDADD = libbprun.la $(BP_TOOL_LIBS)
# its other names
BP_RUN_NAMES = bpmap bpmpirun
install-exec-hook:
	for name in $(BP_RUN_NAMES); do $(LN_S) -f bprun "$(DESTDIR)$(bindir)/$$name"; done
uninstall-local:
	for name in $(BP_RUN_NAMES); do rm -f "$(DESTDIR)$(bindir)/$$name"; done
bpsh_SOURCES = src/tools/bpsh.c
bpsh_CPPFLAGS = $(librun_la_CPPFLAGS)
bpsh_CFLAGS = $(BP_CFLAGS)
bpsh_LDADD = $(BP_TOOL_LIBS)
bpstat_SOURCES = src/tools/bpstat.c \
	src/tools/job_rows.c src/tools/job_rows.h \
	src/tools/listing.c src/tools/listing.h \
	src/tools/node_rows.c src/tools/node_rows.h \
	src/tools/proc_rows.c src/tools/proc_rows.h \
	src/tools/wait_up.c src/tools/wait_up.h
bpstat_CPPFLAGS = $(librun_la_CPPFLAGS)
bpstat_CFLAGS = $(BP_CFLAGS)
bpstat_LDADD = $(BP_TOOL_LIBS)
bpctl_SOURCES = src/tools/bpctl.c
bpctl_CPPFLAGS = $(librun_la_CPPFLAGS)
bpctl_CFLAGS = $(BP_CFLAGS)
bpctl_LDADD = $(BP_TOOL_LIBS)
bpkill_SOURCES = src/tools/bpkill.c
bpkill_CPPFLAGS = $(librun_la_CPPFLAGS)
bpkill_CFLAGS = $(BP_CFLAGS)
bpkill_LDADD = $(BP_TOOL_LIBS)
bplib_SOURCES = src/tools/bplib.c
bplib_CPPFLAGS = $(librun_la_CPPFLAGS)
bplib_CFLAGS = $(BP_CFLAGS)
bplib_LDADD = $(BP_TOOL_LIBS)
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
