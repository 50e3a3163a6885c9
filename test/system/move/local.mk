# programs that move and judge themselves, for test/system/move.py; nothing here is installed.
# libmove is shared, as scripts load it, and never sanitized: it must suit any program.
noinst_LTLIBRARIES += libmove.la
libmove_la_SOURCES = test/system/move/hop.c test/system/move/move_test.c test/system/move/move_test.h \
	src/common/cpu.c src/common/cpu_x86_64.c src/common/error.c src/common/mem.c src/common/yama.c \
	$(libimage_la_SOURCES)
libmove_la_CPPFLAGS = $(IMAGE_CPPFLAGS)
libmove_la_CFLAGS = $(BP_BARE_CFLAGS) -fno-stack-protector
libmove_la_LDFLAGS = -module -avoid-version -shared -rpath $(pkglibexecdir)

BP_MOVE = test/system/move
BP_MOVE_C = $(patsubst $(srcdir)/%,%,$(filter-out %/hop.c %/move_test.c %/plugin.c %/perl.c %/cluster.c, \
	$(wildcard $(srcdir)/$(BP_MOVE)/*.c)))
BP_MOVE_BUILT = $(BP_MOVE_C:.c=) $(BP_MOVE)/exceptions $(BP_MOVE)/malloc-fixed $(BP_MOVE)/plugin.so $(BP_MOVE)/perl.so \
	$(BP_MOVE)/cluster $(BP_MOVE)/cluster.so
BP_MOVE_FLAGS = $(BP_CPPFLAGS) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS)
BP_MOVE_LIBS = $(abs_top_builddir)/.libs/libmove.so -Wl,-rpath,$(abs_top_builddir)/.libs -lm
BP_PERL_CORE = $(shell perl -MConfig -e 'print "$$Config{archlibexp}/CORE"')
$(BP_MOVE)/database: BP_MOVE_LIBS += -lsqlite3
$(BP_MOVE)/secrets: BP_MOVE_FLAGS += -fstack-protector-all

$(BP_MOVE_C:.c=): test/system/move/%: $(top_srcdir)/test/system/move/%.c libmove.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(WARN_CFLAGS) $(BP_MOVE_FLAGS) -o $@ $< $(BP_MOVE_LIBS)
$(BP_MOVE)/exceptions: $(top_srcdir)/$(BP_MOVE)/exceptions.cc libmove.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(MOVE_CXX) -Wall -Wextra $(BP_MOVE_FLAGS) -o $@ $< $(BP_MOVE_LIBS)
# At addresses that the linker chose.
$(BP_MOVE)/malloc-fixed: $(top_srcdir)/$(BP_MOVE)/malloc.c libmove.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(WARN_CFLAGS) $(BP_MOVE_FLAGS) -fno-pie -no-pie -o $@ $< $(BP_MOVE_LIBS)
$(BP_MOVE)/plugin.so: $(top_srcdir)/$(BP_MOVE)/plugin.c
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(WARN_CFLAGS) $(BP_MOVE_FLAGS) -fPIC -shared -o $@ $<
$(BP_MOVE)/perl.so: $(top_srcdir)/$(BP_MOVE)/perl.c libmove.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(BP_MOVE_FLAGS) -isystem $(BP_PERL_CORE) -fPIC -shared -o $@ $< $(BP_MOVE_LIBS)
# With the installed libbproc, as it runs programs of the installation.
BP_MOVE_BPROC = $(abs_top_builddir)/.libs/libbproc.so -Wl,-rpath,$(libdir) -Wl,--disable-new-dtags
$(BP_MOVE)/cluster: $(top_srcdir)/$(BP_MOVE)/cluster.c libmove.la libbproc.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(WARN_CFLAGS) $(BP_MOVE_FLAGS) -o $@ $< $(BP_MOVE_LIBS) $(BP_MOVE_BPROC)
$(BP_MOVE)/cluster.so: $(top_srcdir)/$(BP_MOVE)/cluster.c libmove.la libbproc.la
	$(AM_V_CC)$(MKDIR_P) $(BP_MOVE) && \
	$(CC) -std=gnu17 $(WARN_CFLAGS) $(BP_MOVE_FLAGS) -fPIC -shared -o $@ $< $(BP_MOVE_LIBS) $(BP_MOVE_BPROC)
MOVE_CXX = g++

move-programs: $(BP_MOVE_BUILT)
.PHONY: move-programs
check_DATA += $(BP_MOVE_BUILT)
CLEANFILES += $(BP_MOVE_BUILT)
EXTRA_DIST += $(wildcard $(srcdir)/$(BP_MOVE)/*.c $(srcdir)/$(BP_MOVE)/*.cc $(srcdir)/$(BP_MOVE)/*.h \
	$(srcdir)/$(BP_MOVE)/*.py $(srcdir)/$(BP_MOVE)/*.pl $(srcdir)/$(BP_MOVE)/*.lua) $(BP_MOVE)/local.mk
