# targets of src/ghost
pkglibexec_PROGRAMS += bpghost
bpghost_SOURCES = \
	src/ghost/arch_x86_64.c src/ghost/arch_x86_64.h \
	src/ghost/brood.c src/ghost/brood.h \
	src/ghost/canary.c src/ghost/canary.h \
	src/ghost/ghost.c src/ghost/ghost.h \
	src/ghost/herd.h \
	src/ghost/herder.c src/ghost/herder.h \
	src/ghost/life.c src/ghost/life.h \
	src/ghost/maker.c src/ghost/maker.h \
	src/ghost/muster.c src/ghost/muster.h \
	src/ghost/queue.c src/ghost/queue.h \
	src/ghost/sys.h \
	src/ghost/trace.c src/ghost/trace.h
bpghost_CPPFLAGS = $(BP_CPPFLAGS)
# No libc: ghosts share one address space, where a libc's per-thread state would be wrong.
bpghost_CFLAGS = $(BP_BARE_CFLAGS) -ffreestanding -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fcf-protection=none
bpghost_LDFLAGS = -all-static -no-pie -nostdlib
EXTRA_DIST += src/ghost/README.md
