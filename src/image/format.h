/* SPDX-License-Identifier: BSD-3-Clause */
/* format.h - the bytes of a process image, version 1 (x86_64, little-endian, pages of 4096).
 *
 *   head            one page, struct bp_image_head
 *   tables          in this order, each padded with zeros to 8 bytes:
 *                     areas    struct bp_image_area     head.areas of them, by address
 *                     runs     struct bp_image_run      head.runs, by address
 *                     files    struct bp_image_file     head.files
 *                     pending  struct bp_image_pending  head.pending
 *                     patches  struct bp_image_patch    head.patches
 *                     guards   struct bp_image_run      head.guards, by address
 *                     auxv     uint64_t                 head.auxv_words, pairs, the last is AT_NULL
 *                     strings  head.strings_bytes, the first byte is 0: reference 0 is ""
 *                   zeros up to the next page
 *   pages           head.pages pages: those of the first run, of the second, ...
 *
 * Head and tables are the prologue. All places follow from the counts of the head, so an image
 * cannot lie about a place; decode.c checks the rest before anything of it is used. An image never
 * says who a process is: user, groups, limits and PID come from whoever makes the process. */
#ifndef BP_IMAGE_FORMAT_H
#define BP_IMAGE_FORMAT_H

#include <stdint.h>

#define BP_IMAGE_MAGIC   0x31474d4958495042ULL /* "BPIXIMG1" */
#define BP_IMAGE_VERSION 1u
#define BP_IMAGE_PAGE    4096u

/* Most of each thing; a capture that finds more is refused by name. */
#define BP_IMAGE_AREAS_MAX   65536u
#define BP_IMAGE_RUNS_MAX    (1u << 22)
#define BP_IMAGE_FILES_MAX   8192u
#define BP_IMAGE_PENDING_MAX 4096u
#define BP_IMAGE_PATCHES_MAX 1024u
#define BP_IMAGE_GUARDS_MAX  (1u << 20)
#define BP_IMAGE_AUXV_MAX    256u
#define BP_IMAGE_STRINGS_MAX (16u << 20)
#define BP_IMAGE_LOWEST      0x10000ULL        /* no area below it */
#define BP_IMAGE_HIGHEST     0x7ffffffff000ULL /* and none above */
#define BP_IMAGE_SIGNALS     64
#define BP_IMAGE_CPU_WORDS   16 /* as common/cpu.h has them */
#define BP_IMAGE_TIMERS      3
#define BP_IMAGE_ID_MAX      32
#define BP_IMAGE_WORDS_MAX   16

enum bp_image_kind {
    BP_IMAGE_SELF = 1, /* a process captured by itself, at a call of bp_image_capture_self() */
    BP_IMAGE_LD,       /* stopped by exec at its first instruction: nothing of it has run */
    BP_IMAGE_ENTRY,    /* stopped at AT_ENTRY: ld.so has run, main has not */
};

enum bp_image_area_kind {
    BP_AREA_ANON = 1, /* zeros, and its runs on them */
    BP_AREA_FILE,     /* file `file` from `offset`, and its runs on it */
    BP_AREA_VDSO,     /* its runs are its whole content */
    BP_AREA_VVAR,     /* the kernel's data of the vdso; no runs. Stands right before it */
};

enum bp_image_area_flags {
    BP_AREA_GROWSDOWN = 1,   /* a stack that grows */
    BP_AREA_STACK = 2,       /* the process's first stack; at most one */
    BP_AREA_NORESERVE = 4,
    BP_AREA_HUGE = 8,        /* MADV_HUGEPAGE */
    BP_AREA_NOHUGE = 16,     /* MADV_NOHUGEPAGE */
    BP_AREA_DONTDUMP = 32,   /* MADV_DONTDUMP */
    BP_AREA_DONTFORK = 64,   /* MADV_DONTFORK */
    BP_AREA_WIPEONFORK = 128, /* MADV_WIPEONFORK */
    BP_AREA_MERGEABLE = 256, /* MADV_MERGEABLE */
    BP_AREA_LOCKED = 512,    /* mlock; tried, as far as the limit of the new process goes */
    BP_AREA_CARRIED = 1024,  /* was a file's: its runs are all its content */
    BP_AREA_SHARED = 2048,   /* was shared; becomes private */
    BP_AREA_HEAP = 4096,     /* holds the break */
    BP_AREA_FLAGS = 8191,    /* all of them */
};

struct bp_image_area {
    uint64_t start, end; /* page-aligned; end is the first byte after it */
    uint64_t offset;     /* FILE: of the file, page-aligned */
    uint32_t kind;       /* enum bp_image_area_kind */
    uint32_t prot;       /* PROT_READ | PROT_WRITE | PROT_EXEC */
    uint32_t flags;      /* enum bp_image_area_flags */
    uint32_t runs;       /* how many runs are its; those of earlier areas come before */
    uint32_t file;       /* FILE: index of the files */
    uint32_t name;       /* a string for people, or 0 */
};

/* Pages in a row: a piece of an area's content, or guards (MADV_GUARD_INSTALL), without content. */
struct bp_image_run {
    uint64_t start; /* page-aligned, within one area, after the run before it */
    uint64_t pages; /* at least 1 */
};

/* A file that the receiver must have: same size, and same GNU build id (id_bytes of id) or, when it
 * has none (id_bytes 0), same time of modification. */
struct bp_image_file {
    uint64_t size;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint32_t path; /* a string, absolute */
    uint32_t id_bytes;
    uint32_t reserved; /* 0 */
    uint8_t id[BP_IMAGE_ID_MAX];
};

struct bp_image_pending {
    uint8_t info[128]; /* siginfo_t as the kernel has it */
};

/* LD, ENTRY: a word that holds an address of the old stack block. */
enum bp_image_patch_what {
    BP_PATCH_ARGV = 1, /* address of argv[0] */
    BP_PATCH_ENVP,     /* address of envp[0] */
    BP_PATCH_AUXV,     /* address of the auxiliary vector */
    BP_PATCH_STACK_END, /* address of argc */
    BP_PATCH_EXECFN,   /* the string that AT_EXECFN points at */
    BP_PATCH_RANDOM,   /* the 16 bytes that AT_RANDOM points at */
    BP_PATCH_PLATFORM, /* the string that AT_PLATFORM points at */
    BP_PATCH_WHATS = BP_PATCH_PLATFORM,
};
struct bp_image_patch {
    uint64_t address; /* 8-aligned, in a writable ANON area or in a run */
    uint32_t what;    /* enum bp_image_patch_what */
    uint32_t reserved; /* 0 */
};

struct bp_image_registers {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    uint64_t fs_base, gs_base;
};

/* What the kernel keeps for the one thread. Addresses may be 0 = none. */
struct bp_image_thread {
    struct bp_image_registers registers; /* floating point starts in its first state; the code at
                                          * rip of a SELF image loads the rest itself */
    uint64_t signal_mask;
    uint64_t altstack, altstack_bytes;
    uint32_t altstack_flags, rseq_bytes;
    uint64_t rseq;
    uint32_t rseq_signature, robust_bytes;
    uint64_t robust_list;
    uint64_t tid_address; /* cleared at the thread's end; the new thread id is written there */
    char comm[16];        /* ends in 0 */
};

struct bp_image_action { /* of a signal, as rt_sigaction has it */
    uint64_t handler, flags, restorer, mask;
};

struct bp_image_timer { /* ITIMER_REAL, _VIRTUAL, _PROF */
    uint64_t interval_us, value_us;
};

struct bp_image_memory { /* as prctl(PR_SET_MM_MAP) has it */
    uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
};

struct bp_image_head {
    uint64_t magic;
    uint32_t version;
    uint32_t kind; /* enum bp_image_kind */
    uint32_t areas, runs, files, pending, patches, auxv_words, guards;
    uint32_t unused; /* 0 */
    uint64_t strings_bytes;
    uint64_t pages;
    uint64_t mailbox; /* SELF: of a struct bp_image_mailbox in a writable area; others 0 */
    uint32_t exe;     /* strings: the program's path, */
    uint32_t cwd;     /* its directory, */
    uint32_t execfn;  /* and the name it was started by */
    uint32_t words;   /* LD, ENTRY: the first of words_count strings that stand for argv[0], those
                       * that exec made of a script: its interpreter, an option, its path */
    uint32_t words_count;
    uint32_t umask;
    uint32_t personality;
    uint32_t thp_disable; /* PR_SET_THP_DISABLE */
    uint64_t xcomp;       /* states that had to be asked for (ARCH_GET_XCOMP_PERM), such as AMX */
    uint32_t cpu[BP_IMAGE_CPU_WORDS]; /* what the CPU has, common/cpu.h; 0s = it does not matter */
    struct bp_image_memory memory;
    struct bp_image_thread thread;
    struct bp_image_timer timers[BP_IMAGE_TIMERS];
    struct bp_image_action actions[BP_IMAGE_SIGNALS]; /* of signal 1, 2, ... */
    uint8_t reserved[1496]; /* 0 */
};

_Static_assert(sizeof(struct bp_image_head) == BP_IMAGE_PAGE, "the head is one page");

/* What the restorer tells a SELF image. */
struct bp_image_mailbox {
    int64_t result;      /* the number given to the restorer */
    uint64_t argv, envp; /* the restorer's own argv[2]... and environment, vectors that end in 0, in
                          * memory of their own at `strings`; 0 without BP_RESTORE_ENV */
    uint64_t strings, strings_bytes;
    uint64_t scrap, scrap_bytes; /* the restorer's last memory; the image unmaps it */
};

/* The restorer: execve(BP_LIBEXECDIR "/bprestore", {name, "IMAGE,REPORT,FLAGS,RESULT,EXE,GATE",
 * arguments of the program from its argv[0] on...}, environment). IMAGE is a descriptor with the
 * image, which can be read at any place; REPORT is one to write to; FLAGS in hexadecimal; RESULT
 * for the mailbox. EXE may be left out or -1: a descriptor of what /proc/self/exe shall be, which
 * the kernel takes from who has CAP_CHECKPOINT_RESTORE; that is set, and the capabilities dropped,
 * before IMAGE is read. GATE may be left out or -1: a pipe of which a byte is read before IMAGE is;
 * its end says that IMAGE will never be whole. Where the image starts to run REPORT is closed and
 * nothing was written; else a report was written and the exit status is 127. */
enum bp_restore_flags {
    BP_RESTORE_SHARED = 1, /* map big runs from IMAGE (a sealed memory file), do not copy them */
    BP_RESTORE_CWD = 2,    /* SELF: go to the image's directory */
    BP_RESTORE_ENV = 4,    /* SELF: place argv and environment for the mailbox */
    BP_RESTORE_VDSO = 8,   /* act as if the vdso were another one (for tests) */
    BP_RESTORE_DROP = 16,  /* drop every capability before a byte of the image is read */
    BP_RESTORE_TRY = 32,   /* only see whether it can be done: exit with 0 instead of starting */
    BP_RESTORE_QUEUED = 64, /* SELF: the signals that wait in the image have been queued already */
    BP_RESTORE_TEXT = 128, /* the report is a line for people: its sentence alone */
};

struct bp_restore_report {
    int32_t code;   /* negative errno */
    char text[252]; /* a sentence, ends in 0 */
};

#endif
