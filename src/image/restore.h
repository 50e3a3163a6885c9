/* SPDX-License-Identifier: BSD-3-Clause */
/* restore.h - bprestore: what its parts share. No libc, no writable globals, no relocations: its
 * code is copied to a place that is free in the image, and runs on there.
 *
 * First part (at the place exec gave it): arguments, prologue, a hole. Second part (in the hole):
 * all else is unmapped, the image mapped, and entered from the hole's last page. */
#ifndef BP_IMAGE_RESTORE_H
#define BP_IMAGE_RESTORE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "image/arch_x86_64.h"
#include "image/decode.h"
#include "image/restore_block.h"

#define BP_RESTORE_VVARS   8
#define BP_RESTORE_VECTORS 1024

/* The block that exec made on the stack: numbers and pointers, then strings. */
struct bp_restore_args {
    uint64_t argc, envc;
    char **argv; /* argv[2] is the program's first */
    char **envp;
    uint64_t *auxv;       /* pairs up to AT_NULL */
    uint64_t start, end;  /* of the block */
};

struct bp_restore_piece { /* of the kernel's own mappings: [vvar...] and [vdso] */
    uint64_t start, bytes;
    uint64_t parked; /* where it is now */
};

struct bp_restore {
    int image_fd, report_fd, exe_fd, gate_fd;
    uint64_t exec_place, exec_bytes; /* where exec put the code, when it runs elsewhere */
    uint32_t flags; /* enum bp_restore_flags */
    int64_t result;
    uint64_t signal_mask; /* as exec left it; all are blocked since */
    uint32_t cpu[BP_IMAGE_CPU_WORDS]; /* what this one can do */
    struct bp_restore_args args; /* SELF; in LD and ENTRY */
    struct bp_block block;       /* it becomes the program's own block, */
    uint64_t stack, stack_bytes; /* and these pages of the stack stay */
    uint32_t interp; /* LD: the file that the node's dynamic linker replaces; none: head.files */
    uint64_t interp_base, interp_entry; /* where that is; 0 = it is the image's */
    struct bp_image_view view;
    uint64_t prologue, prologue_bytes;
    uint64_t hole, hole_bytes; /* code, this struct, stack, prologue, args, parking, last page */
    uint64_t parking;
    uint64_t last; /* the last page */
    struct bp_restore_piece pieces[BP_RESTORE_VVARS]; /* by address */
    uint32_t piece_count;
    uint32_t vdso; /* which of them is [vdso]; == piece_count: there is none */
    bool vdso_stays; /* LD: where exec put it */
    struct bp_image_registers registers; /* to start with */
    uint64_t start_mask;
    struct bp_image_memory memory; /* for PR_SET_MM_MAP, with */
    uint64_t auxv, auxv_bytes;     /* the auxiliary vector that /proc shows */
    struct iovec vectors[BP_RESTORE_VECTORS]; /* last: neither cleared nor moved */
};

/* Write the report and exit. `what` is a sentence's begin, detail (may be NULL) follows in
 * brackets. */
__attribute__((noreturn)) void bp_restore_fail(const struct bp_restore *restore, long code,
                                               const char *what, const char *detail);

/* restore_args.c: read the block and argv[1]; a copy of the block at another place. */
void bp_restore_args_read(struct bp_restore *restore, uint64_t *block);
void bp_restore_args_copy(struct bp_restore *restore, uint64_t place);

extern const Elf64_Ehdr __ehdr_start; /* the linker's: where the program begins */

/* restore_main.c: copy the restorer's code, or only tell how many bytes it takes. */
uint64_t bp_restore_code_copy(char *to);

/* restore_exe.c: go on in a copy of the code, so that exec's file need not stay mapped; make exe_fd
 * the program's file; drop all capabilities. */
__attribute__((noreturn)) void bp_restore_exe_leave(struct bp_restore *restore,
                                                    void (*go_on)(struct bp_restore *restore));
void bp_restore_exe_set(const struct bp_restore *restore);
void bp_restore_exe_drop(const struct bp_restore *restore);

/* restore_hole.c: a mapping of these bytes in a place that no area of the image uses. */
uint64_t bp_restore_hole(const struct bp_restore *restore, uint64_t bytes);
/* Whether no area of the image is in there. */
bool bp_restore_is_free(const struct bp_restore *restore, uint64_t start, uint64_t end);

/* restore_vdso.c: find the kernel's mappings; take them to the parking place and away from it. */
void bp_restore_vdso_find(struct bp_restore *restore);
uint64_t bp_restore_vdso_bytes(const struct bp_restore *restore);
void bp_restore_vdso_park(struct bp_restore *restore);
/* After the areas are mapped. */
void bp_restore_vdso_place(struct bp_restore *restore);

/* restore_interp.c: see whether this node has another dynamic linker than LD was made with; after
 * the areas are mapped, map it. */
void bp_restore_interp_find(struct bp_restore *restore);
void bp_restore_interp_load(struct bp_restore *restore);

/* restore_map.c: a file of the image, open, if it is the same here; -errno, -ESTALE if it is not.
 * The areas and their pages. */
long bp_restore_file_open(const struct bp_restore *restore, const struct bp_image_file *file);
void bp_restore_map(struct bp_restore *restore);
void bp_restore_protect(const struct bp_restore *restore, uint64_t start, uint64_t bytes,
                        uint32_t prot);

/* restore_state.c: what the kernel keeps of a process; then in. */
void bp_restore_state(struct bp_restore *restore);
__attribute__((noreturn)) void bp_restore_enter(struct bp_restore *restore);

/* restore_start.c: the stack of LD and ENTRY: found; taken out of the way of the image; and, with
 * the areas mapped, all in which they differ from an image of a running process. */
void bp_restore_start_find(struct bp_restore *restore, uint64_t *block);
void bp_restore_start_clear(struct bp_restore *restore);
void bp_restore_start(struct bp_restore *restore);

/* Small things libc would have. */
static inline uint64_t bp_page_up(uint64_t bytes)
{
    return (bytes + BP_IMAGE_PAGE - 1) & ~(uint64_t)(BP_IMAGE_PAGE - 1);
}

static inline bool bp_is_error(long result)
{
    return result < 0 && result >= -4095;
}

static inline void bp_bytes_copy(void *to, const void *from, uint64_t bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static inline void bp_bytes_zero(void *to, uint64_t bytes)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}

static inline bool bp_text_begins(const char *text, const char *with)
{
    while (*with != 0)
        if (*text++ != *with++)
            return false;
    return true;
}

#endif
