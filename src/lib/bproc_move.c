/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_move.c - libbproc: the calling process goes to another node. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "image/settings.h"
#include "lib/descriptors.h"
#include "lib/onward.h"
#include "lib/passage.h"
#include "lib/public.h"

/* Signals that wait travel in the image; here they are kept for the case that it does not get
 * there. What comes later stays with the ghost, which passes it on. */
struct kept {
    siginfo_t *infos;
    int count;
};

static int take_signals(struct kept *kept, const struct bp_image *image)
{
    static const struct timespec now;
    uint32_t count;
    const struct bp_image_pending *pending = bp_image_pending(image, &count);
    kept->count = 0;
    kept->infos = calloc(count + 1, sizeof *kept->infos);
    if (kept->infos == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) { /* the first of its number in the queue is this one */
        siginfo_t info;
        memcpy(&info, pending[i].info, sizeof info);
        uint64_t set = 1ULL << (info.si_signo - 1);
        if (syscall(SYS_rt_sigtimedwait, &set, &kept->infos[kept->count], &now, sizeof set) > 0)
            kept->count++;
    }
    return 0;
}

static void give_back(struct kept *kept)
{
    for (int i = 0; i < kept->count; i++)
        syscall(SYS_rt_sigqueueinfo, getpid(), kept->infos[i].si_signo, &kept->infos[i]);
    free(kept->infos);
}

/* From the master the job is asked for first, from a node with the image. */
static int ask(bool on_master, const struct bp_order *order, struct bp_passage *ret_passage,
               struct bp_error *err)
{
    return on_master ? bp_passage_ask(order, ret_passage, err)
                     : bp_public_cpu_check(order->nodes[0]);
}

static int go(bool on_master, struct bp_order *order, struct bp_passage *passage,
              struct bp_image *image, struct bp_error *err)
{
    struct kept kept;
    int r = take_signals(&kept, image);
    order->image = image;
    if (r < 0 && on_master)
        bp_passage_drop(passage);
    if (r < 0)
        return r;
    r = on_master ? bp_passage_go(passage, image, err) : bp_onward_make(order, err);
    give_back(&kept);
    return r;
}

/* In the process on the node. */
static int arrive(bool on_master, const struct bp_order *order,
                  const struct bp_image_mailbox *mailbox)
{
    if (mailbox->strings != 0)
        munmap((void *)(uintptr_t)mailbox->strings, mailbox->strings_bytes);
    /* A node has opened none of them for who comes from another one. */
    int r = bp_descriptors_apply(order->io, order->io_count,
                                 on_master || order->nodes[0] == BPROC_NODE_MASTER);
    if (r < 0)
        _exit(-r); /* there is no way back */
    return 0;
}

/* All signals are blocked. 0 = on the node. */
static int move(int node, const struct bproc_io_t *io, int io_count, int flags)
{
    static char *const in_image[] = {NULL}; /* where the environment is */
    auto_free char *libraries = bp_public_libraries(flags);
    auto_free char **words = bp_order_own_words();
    struct bp_order order = {.nodes = &node, .count = 1, .in_place = true, .argv = words,
                             .envp = in_image, .start = BPMIX__START__SELF, .io = io,
                             .io_count = io_count};
    struct bp_image_options options = bp_public_options(flags, libraries);
    struct bp_image_mailbox mailbox;
    struct bp_image *image = NULL;
    struct bp_passage passage;
    enum bp_image_role role;
    struct bp_error err = {0};
    bool on_master = bproc_currnode() == BPROC_NODE_MASTER; /* as it was before it went */
    options.is_move = true;
    int r = words != NULL ? ask(on_master, &order, &passage, &err) : -ENOMEM;
    if (r < 0)
        return r;
    r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    if (r == 0 && role == BP_IMAGE_RESTORED)
        return arrive(on_master, &order, &mailbox);
    if (r < 0 && on_master)
        bp_passage_drop(&passage);
    if (r == 0)
        r = go(on_master, &order, &passage, image, &err);
    bp_image_free(image);
    return r;
}

int _bproc_move_io(int node, struct bproc_io_t *io, int iolen, int flags)
{
    sigset_t all, old;
    struct bproc_io_t wishes[BPROC_IO_MAX_LEN];
    int code = errno;
    int r = bp_descriptors_take(io, iolen, wishes);
    if (r == 0 && bp_public_node(node) == bproc_currnode())
        r = -BE_SAMENODE;
    if (r == 0 && bp_public_node(node) == BPROC_NODE_MASTER && bp_settings_no_new_code())
        r = -EOPNOTSUPP; /* its ghost has that too, and nobody could restore it there */
    if (r < 0)
        return bp_public_result(r);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = move(node, wishes, iolen, flags);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0)
        errno = code;
    return bp_public_result(r);
}

int _bproc_move(int node, int flags)
{
    return _bproc_move_io(node, NULL, 0, flags);
}

int bproc_move_io(int node, struct bproc_io_t *io, int iolen)
{
    return _bproc_move_io(node, io, iolen, 0);
}

int bproc_move(int node)
{
    return _bproc_move_io(node, NULL, 0, 0);
}
