noinst_LTLIBRARIES += librun.la
librun_la_SOURCES = \
	src/tools/input.c src/tools/input.h \
	src/tools/output.c src/tools/output.h \
	src/tools/report.c src/tools/report.h \
	src/tools/run.c src/tools/run.h \
	src/tools/sink.c src/tools/sink.h \
	src/tools/verdict.c src/tools/verdict.h \
	src/tools/words.c src/tools/words.h
librun_la_CPPFLAGS = $(BP_CPPFLAGS) $(PROTOBUF_C_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS)
librun_la_CFLAGS = $(BP_CFLAGS)
BP_TOOL_LIBS = librun.la libjob.la $(BP_PROTO_LIBS) $(BP_TLS_LIBS) $(JANSSON_LIBS)

bin_PROGRAMS += bprun bpsh bpstat
bprun_SOURCES = src/tools/bprun.c
bprun_CPPFLAGS = $(librun_la_CPPFLAGS)
bprun_CFLAGS = $(BP_CFLAGS)
bprun_LDADD = $(BP_TOOL_LIBS)
bpsh_SOURCES = src/tools/bpsh.c
bpsh_CPPFLAGS = $(librun_la_CPPFLAGS)
bpsh_CFLAGS = $(BP_CFLAGS)
bpsh_LDADD = $(BP_TOOL_LIBS)
bpstat_SOURCES = src/tools/bpstat.c
bpstat_CPPFLAGS = $(librun_la_CPPFLAGS)
bpstat_CFLAGS = $(BP_CFLAGS)
bpstat_LDADD = $(BP_TOOL_LIBS)
