/* SPDX-License-Identifier: BSD-3-Clause */
/* image.h - capture a process as an image, write an image, look at one. What other rooms use. */
#ifndef BP_IMAGE_IMAGE_H
#define BP_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "image/format.h"

/* A captured process: its prologue in memory, and the frozen process its pages are read from. */
struct bp_image;

enum bp_image_carry {   /* whose content travels in the image, and is not asked of the receiver */
    BP_CARRY_DEFAULT,   /* files that are not root's, outside of the system's folders, or have no
                         * build id */
    BP_CARRY_ALL,       /* every file's */
    BP_CARRY_NONE,      /* none but those that are gone */
};

enum bp_image_carry_also { /* and with DEFAULT too */
    BP_CARRY_LIBRARIES = 1, /* mapped files that nodes are expected or said to have, */
    BP_CARRY_PROGRAM = 2,   /* and the program's own, if it is such a one */
};

struct bp_image_options {
    enum bp_image_carry carry;
    unsigned carry_also;   /* enum bp_image_carry_also */
    const char *libraries; /* paths of files that all nodes are said to have, to be asked of them as
                            * the system's are: each ends in 0, the last is empty. NULL = none */
    bool is_move;     /* the process goes on elsewhere, it is not copied: pending signals and timers
                       * travel too, and what a copy would just not have (other threads, POSIX
                       * timers) is refused */
    void (*meanwhile)(void *arg); /* NULL, or called when the copy of a process that captures itself
                                   * is there and not yet looked at; all signals are blocked */
    void *meanwhile_arg;
    bool no_pagemap_scan; /* read /proc/PID/pagemap as kernels before 6.7 need it (for tests) */
};

enum bp_image_role { BP_IMAGE_CAPTURED, BP_IMAGE_RESTORED };

/* Capture the calling process (of its threads, the caller). Returns twice, as fork does: here with
 * BP_IMAGE_CAPTURED and *ret_image, and in each process restored from it with BP_IMAGE_RESTORED and
 * *ret_mailbox as the restorer filled it. What was open is not in the image: the restored process
 * has the descriptors that its maker left open. 0; or -errno and a sentence that names what cannot
 * travel, and the process is as it was: -EOPNOTSUPP. Safe in any program: raises and catches no
 * signal, starts no thread; a child of the moment is reaped, SIGCHLD does not come. */
int bp_image_capture_self(const struct bp_image_options *options, struct bp_image **ret_image,
                          enum bp_image_role *ret_role, struct bp_image_mailbox *ret_mailbox,
                          struct bp_error *err);

/* A program to execute, for an image of one that has not run. */
struct bp_image_program {
    const char *path;
    char *const *argv;
    char *const *envp; /* what the dynamic linker sees for BP_IMAGE_ENTRY; a restored process has
                        * the environment of its restorer */
    const char *cwd;   /* NULL: the caller's */
    bool search;       /* a path without a slash is looked for as a shell does, by PATH of envp */
    enum bp_image_kind kind; /* BP_IMAGE_LD or BP_IMAGE_ENTRY */
};

/* Execute a program on this machine, stopped before it runs, and capture it. The image of a static
 * program is of kind BP_IMAGE_LD in any case. -errno and a sentence that names what execve refuses
 * or what cannot be an image. Safe in any program: no signal, and nothing a wait() sees. */
int bp_image_capture_exec(const struct bp_image_options *options,
                          const struct bp_image_program *program, struct bp_image **ret_image,
                          struct bp_error *err);

/* The arguments for the restorer: argv, with what exec put in the place of a script's argv[0]. The
 * caller frees the vector; its strings are those of argv and of the image. NULL = no memory. */
char **bp_image_arguments(const struct bp_image *image, char *const *argv);

/* What keeps a memory file with an image as it is. F_SEAL_WRITE would fail while the kernel itself,
 * or who may look, has a page of it; this only wants that nobody has mapped it to be written. */
#define BP_IMAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)

/* The frozen process ends with its last holder. NULL is fine. */
void bp_image_free(struct bp_image *image);

/* The prologue, and the bytes of the whole. Valid as long as the image. */
const void *bp_image_prologue(const struct bp_image *image, size_t *ret_bytes);
uint64_t bp_image_bytes(const struct bp_image *image);
const struct bp_image_head *bp_image_head(const struct bp_image *image);

/* The signals that wait in it. */
const struct bp_image_pending *bp_image_pending(const struct bp_image *image, uint32_t *ret_count);

/* Read bytes of the whole at any place, as pread does: for a sender that pulls pieces as its stream
 * drains. Returns bytes read (fewer than size only at the end), 0 at the end, or -errno. */
ssize_t bp_image_read(struct bp_image *image, void *buffer, size_t size, uint64_t offset,
                      struct bp_error *err);

/* Write the whole to a descriptor (file, pipe, socket; blocking). */
int bp_image_write(struct bp_image *image, int fd, struct bp_error *err);

/* Hand an image to another program: pass gives a sealed memory file of the prologue (the caller's
 * to close; close-on-exec), the frozen process and the descriptor that keeps it (still the image's
 * own: let the other program inherit it, then free the image here). take makes the image there; it
 * takes hold_fd over. */
int bp_image_pass(const struct bp_image *image, int *ret_prologue_fd, pid_t *ret_source,
                  int *ret_hold_fd, struct bp_error *err);
int bp_image_take(int prologue_fd, pid_t source, int hold_fd, struct bp_image **ret_image,
                  struct bp_error *err);

/* Check head and tables of an image in a file or memory file, as the restorer will. *ret_head may
 * be NULL. -EBADMSG and what is wrong. */
int bp_image_check(int fd, struct bp_image_head *ret_head, struct bp_error *err);

/* The signals that wait in such an image, free() them; NULL with a sentence in *err. */
struct bp_image_pending *bp_image_pending_read(int fd, uint32_t *ret_count, struct bp_error *err);

/* Check a head alone, the first BP_IMAGE_PAGE bytes that arrive: then its sizes can be believed.
 * *ret_bytes is the length of the whole image. */
int bp_image_head_check(const struct bp_image_head *head, uint64_t *ret_bytes,
                        struct bp_error *err);

/* What the CPU could do that the calling process was started on (common/cpu.h): from its first
 * image on that is known, before it is the one here. */
void bp_image_cpu_own(uint32_t words[BP_IMAGE_CPU_WORDS]);

#endif
