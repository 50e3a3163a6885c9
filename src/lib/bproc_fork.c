/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_fork.c - libbproc: copies of the calling process on nodes. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "lib/crew.h"
#include "lib/descriptors.h"
#include "lib/homes.h"
#include "lib/public.h"

struct copies { /* of one call; also each copy's own, in its memory */
    int count;
    int *entries; /* which nodes of the call these are */
    int *nodes;   /* and their numbers */
    int *codes;
    const struct bproc_io_t *io;
    int io_count;
};

static int copies_init(struct copies *copies, int count)
{
    int *room = calloc((size_t)count * 3 + 1, sizeof *room);
    if (room == NULL)
        return -ENOMEM;
    copies->count = 0;
    copies->entries = room;
    copies->nodes = room + count;
    copies->codes = room + 2 * (size_t)count;
    return 0;
}

/* In the copy: it has the descriptors that the node gave it, and now the caller's wishes. */
static int begin(struct copies *copies, const struct bp_image_mailbox *mailbox)
{
    int64_t rank = mailbox->result;
    int entry = rank >= 0 && rank < copies->count ? copies->entries[rank] : 0;
    if (mailbox->strings != 0)
        munmap((void *)(uintptr_t)mailbox->strings, mailbox->strings_bytes);
    int r = bp_descriptors_apply(copies->io, copies->io_count, true);
    if (r < 0)
        _exit(-r);
    return entry;
}

/* All but the image, which a copy of this has in its memory. */
static int ask(struct copies *copies, struct bp_order *order, struct bp_crew **ret_crew,
               struct bp_error *err)
{
    static char *const in_image[] = {NULL}; /* where the environment is */
    char **words = bp_order_own_words();
    if (words == NULL)
        return -ENOMEM;
    *order = (struct bp_order){.nodes = copies->nodes, .count = copies->count, .argv = words,
                               .envp = in_image, .start = BPMIX__START__SELF, .io = copies->io,
                               .io_count = copies->io_count};
    int r = bp_crew_ask(order, ret_crew, err);
    if (r < 0)
        free(words);
    return r;
}

/* 1 = this is a copy, *ret_entry says which; 0 = the caller, copies->codes are filled. */
static int send_copies(struct copies *copies, int flags, int *ret_entry)
{
    auto_free char *libraries = bp_public_libraries(flags);
    struct bp_image_options options = bp_public_options(flags, libraries);
    struct bp_image_mailbox mailbox;
    struct bp_image *image = NULL;
    struct bp_crew *crew;
    struct bp_order order;
    enum bp_image_role role;
    struct bp_error err = {0};
    int caller_errno = errno, r = ask(copies, &order, &crew, &err);
    if (r < 0)
        return r;
    options.meanwhile = bp_crew_begin;
    options.meanwhile_arg = crew;
    r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    if (r == 0 && role == BP_IMAGE_RESTORED) {
        bp_crew_leave(crew);
        free((void *)order.argv);
        *ret_entry = begin(copies, &mailbox);
        errno = caller_errno;
        return 1;
    }
    if (r == 0)
        r = bp_crew_make(crew, image, copies->codes, &err);
    bp_crew_free(crew);
    free((void *)order.argv);
    bp_image_free(image);
    return r;
}

/* Those that stay here. */
static int fork_here(const struct copies *copies)
{
    int pid = fork();
    if (pid != 0)
        return pid < 0 ? -errno : pid;
    int r = bp_descriptors_apply(copies->io, copies->io_count, false);
    if (r < 0)
        _exit(-r);
    return 0;
}

/* ---- those that are at home ---- */

struct journey {
    const struct copies *copies;
    int flags;
};

static int go_home(void *arg, const sigset_t *blocked)
{
    (void)blocked;
    const struct journey *journey = arg;
    struct bproc_io_t io[BPROC_IO_MAX_LEN];
    const struct copies *copies = journey->copies;
    memcpy(io, copies->io, (size_t)copies->io_count * sizeof *io);
    return _bproc_move_io(BPROC_NODE_MASTER, io, copies->io_count, journey->flags) < 0 ? -errno : 0;
}

/* 1 = this is one of them, *ret_entry says which; 0 = the caller, pids are filled. */
static int send_home(struct copies *copies, int count, const int *nodes, int *pids, int flags,
                     int *ret_entry)
{
    auto_free char *libraries = bp_public_libraries(flags);
    struct journey journey = {.copies = copies, .flags = flags};
    struct bp_homes homes = {.options = bp_public_options(flags, libraries), .go = go_home,
                             .arg = &journey};
    for (int i = 0; i < count; i++)
        if (bp_public_node(nodes[i]) == BPROC_NODE_MASTER)
            copies->entries[homes.count++] = i;
    if (homes.count == 0 || bproc_currnode() == BPROC_NODE_MASTER)
        return 0;
    int r = bp_homes_make(&homes, copies->codes);
    if (r > 0) {
        *ret_entry = copies->entries[r - 1];
        return 1;
    }
    for (int i = 0; i < homes.count; i++)
        pids[copies->entries[i]] = r < 0 ? r : copies->codes[i];
    return 0;
}

/* ---- all ---- */

/* Which of the nodes get a copy: those that are not this one and, where there are several, can have
 * one; pids of the others say why not. */
static int choose(struct copies *copies, int count, const int *nodes, int *pids)
{
    int here = bproc_currnode();
    uint32_t cpu[BP_IMAGE_CPU_WORDS];
    for (int i = 0; i < count; i++)
        copies->nodes[i] = bp_public_node(nodes[i]);
    memset(pids, 0, (size_t)count * sizeof *pids);
    bp_image_cpu_own(cpu);
    int r = count > 1 ? bp_crew_check(copies->nodes, count, cpu, pids) : 0;
    for (int i = 0; r == 0 && i < count; i++) {
        if (copies->nodes[i] == here || copies->nodes[i] == BPROC_NODE_MASTER) {
            pids[i] = 0;
        } else if (pids[i] == 0) {
            copies->entries[copies->count] = i;
            copies->nodes[copies->count++] = copies->nodes[i];
        }
    }
    return r;
}

/* As vrfork: *ret_entry is a copy's number, or -1 in the caller. */
static int send_and_fork(struct copies *copies, int count, const int *nodes, int *pids, int flags,
                         int *ret_entry)
{
    int here = bproc_currnode();
    int r = choose(copies, count, nodes, pids);
    *ret_entry = -1;
    if (r == 0 && copies->count > 0)
        r = send_copies(copies, flags, ret_entry);
    if (r != 0)
        return r < 0 ? r : 0;
    for (int i = 0; i < copies->count; i++)
        pids[copies->entries[i]] = copies->codes[i];
    if (send_home(copies, count, nodes, pids, flags, ret_entry) > 0)
        return 0;
    for (int i = 0; i < count; i++) {
        if (bp_public_node(nodes[i]) != here)
            continue;
        pids[i] = fork_here(copies);
        if (pids[i] == 0) {
            *ret_entry = i;
            return 0;
        }
    }
    return 0;
}

static int fork_to(int count, const int *nodes, int *pids, const struct bproc_io_t *io,
                   int io_count, int flags, int *ret_entry)
{
    struct bproc_io_t wishes[BPROC_IO_MAX_LEN];
    struct copies copies = {.io = wishes, .io_count = io_count};
    int r = count <= 0 ? -EINVAL : bp_descriptors_take(io, io_count, wishes);
    if (r == 0)
        r = copies_init(&copies, count);
    if (r < 0)
        return r;
    r = send_and_fork(&copies, count, nodes, pids, flags, ret_entry);
    free(copies.entries);
    return r;
}

int _bproc_vrfork_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen,
                     int flags)
{
    int entry;
    int r = fork_to(nnodes, nodes, pids, io, iolen, flags, &entry);
    if (r < 0)
        return bp_public_result(r);
    return entry >= 0 ? entry : nnodes;
}

int _bproc_vrfork(int nnodes, int *nodes, int *pids, int flags)
{
    return _bproc_vrfork_io(nnodes, nodes, pids, NULL, 0, flags);
}

int bproc_vrfork_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen)
{
    return _bproc_vrfork_io(nnodes, nodes, pids, io, iolen, 0);
}

int bproc_vrfork(int nnodes, int *nodes, int *pids)
{
    return _bproc_vrfork_io(nnodes, nodes, pids, NULL, 0, 0);
}

int _bproc_rfork_io(int node, struct bproc_io_t *io, int iolen, int flags)
{
    int entry, pid;
    int r = fork_to(1, &node, &pid, io, iolen, flags, &entry);
    if (r < 0)
        return bp_public_result(r);
    return entry >= 0 ? 0 : bp_public_result(pid);
}

int _bproc_rfork(int node, int flags)
{
    return _bproc_rfork_io(node, NULL, 0, flags);
}

int bproc_rfork_io(int node, struct bproc_io_t *io, int iolen)
{
    return _bproc_rfork_io(node, io, iolen, 0);
}

int bproc_rfork(int node)
{
    return _bproc_rfork_io(node, NULL, 0, 0);
}
