# targets of src/image
noinst_LTLIBRARIES += libimage.la
libimage_la_SOURCES = \
	src/image/arch_x86_64.c src/image/arch_x86_64.h \
	src/image/calls.c src/image/calls.h \
	src/image/check.c \
	src/image/decode.c src/image/decode.h \
	src/image/elf.c src/image/elf.h \
	src/image/entry.c src/image/entry.h \
	src/image/exec.c src/image/exec.h \
	src/image/file.c src/image/file.h \
	src/image/format.h src/image/image.h \
	src/image/freeze.c src/image/freeze.h \
	src/image/keep.c src/image/keep.h \
	src/image/hold.c src/image/hold.h \
	src/image/holder.c src/image/holder.h \
	src/image/maps.c src/image/maps.h \
	src/image/memory.c src/image/memory.h \
	src/image/pages.c src/image/pages.h \
	src/image/process.c src/image/process.h \
	src/image/program.c src/image/program.h \
	src/image/self.c \
	src/image/settings.c src/image/settings.h \
	src/image/source.c src/image/source.h \
	src/image/symbol.c src/image/symbol.h \
	src/image/tables.c src/image/tables.h
IMAGE_CPPFLAGS = $(BP_CPPFLAGS) -DBP_LIBDIR='"$(libdir)"'
libimage_la_CPPFLAGS = $(IMAGE_CPPFLAGS)
# The place that a restored process comes back to is no function of C: no shadow of its return.
libimage_la_CFLAGS = $(BP_CFLAGS) -fno-stack-protector

# The restorer: its code is copied to another place and runs there, so no libc, no relocation.
pkglibexec_PROGRAMS += bprestore
bprestore_SOURCES = \
	src/image/arch_x86_64.c src/image/arch_x86_64.h \
	src/common/cpu.c src/common/cpu_x86_64.c src/common/cpu.h \
	src/image/decode.c \
	src/image/elf.c \
	src/image/restore.h \
	src/image/restore_block.c src/image/restore_block.h \
	src/image/restore_args.c \
	src/image/restore_exe.c \
	src/image/restore_hole.c \
	src/image/restore_interp.c \
	src/image/restore_main.c \
	src/image/restore_map.c \
	src/image/restore_start.c \
	src/image/restore_state.c \
	src/image/restore_vdso.c
bprestore_CPPFLAGS = $(BP_CPPFLAGS)
bprestore_CFLAGS = $(BP_BARE_CFLAGS) -ffreestanding -fPIE -fvisibility=hidden \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-jump-tables -fcf-protection=none
bprestore_LDFLAGS = -all-static -no-pie -nostdlib
