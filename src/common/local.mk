noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = \
	src/common/capacity.c src/common/capacity.h \
	src/common/clock.h \
	src/common/cpu.c src/common/cpu_x86_64.c src/common/cpu.h \
	src/common/cpuset.c src/common/cpuset.h \
	src/common/dial.c src/common/dial.h \
	src/common/error.c src/common/error.h \
	src/common/log.c src/common/log.h \
	src/common/mem.c src/common/mem.h \
	src/common/nodeset.c src/common/nodeset.h \
	src/common/pattern.c src/common/pattern.h \
	src/common/std.c src/common/std.h \
	src/common/yama.c src/common/yama.h
libcommon_la_CPPFLAGS = $(BP_CPPFLAGS)
libcommon_la_CFLAGS = $(BP_CFLAGS)
