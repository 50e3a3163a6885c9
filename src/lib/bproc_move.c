/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_move.c - libbproc: the calling process goes to another node. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "lib/client.h"
#include "lib/descriptors.h"
#include "lib/passage.h"
#include "lib/public.h"
#include "proto/relay.h"

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

/* A signal that came after the image was taken: bpmaster gives it to whoever it is then. */
static void pass_signal(int fd, const struct signalfd_siginfo *info)
{
    Bpmix__JobForward forward = BPMIX__JOB_FORWARD__INIT;
    struct bp_error err = {0};
    forward.signal = info->ssi_signo;
    forward.code = info->ssi_code;
    forward.sender_pid = (int32_t)info->ssi_pid;
    forward.sender_uid = info->ssi_uid;
    forward.value = info->ssi_ptr;
    bp_client_send(fd, (struct bp_frame){.type = BP_JOB_FORWARD}, &forward, &err);
}

/* Until there is an answer, or we are no more. */
static void await_answer(int fd)
{
    sigset_t all;
    sigfillset(&all);
    auto_close int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;
    do {
        fds[0].revents = 0;
        poll(fds, 2, -1);
        while (signals >= 0 && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            if (info.ssi_code != SI_QUEUE || info.ssi_ptr != BP_LEAVE_VALUE)
                pass_signal(fd, &info);
            else if (info.ssi_signo == BP_LEAVE_SIGNAL) /* the last in every queue */
                kill(getpid(), SIGKILL);
    } while (fds[0].revents == 0);
}

/* From node to node: bpnode takes the image, and ends this process when it runs there. */
static int go_on(int node, struct bp_image *image, struct bp_error *err)
{
    struct bp_frame frame = {.type = BP_JOB_MOVE, .node = node, .tag = 1};
    struct bp_local_message answer;
    auto_close int file = memfd_create("bpmix-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    auto_close int fd = file < 0 ? -errno : bp_client_connect(err);
    int r = fd < 0 ? fd : bp_image_write(image, file, err);
    if (r == 0 && fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        r = -errno;
    if (r == 0)
        r = bp_local_send(fd, &frame, NULL, &file, 1);
    if (r < 0)
        return r;
    await_answer(fd);
    r = bp_client_answer(fd, BP_DONE, &answer, err);
    if (r == 0)
        bp_local_done(&answer);
    if (r == 0 || r == -ECONNRESET) /* its space ends, and nobody knows whether it runs there */
        kill(getpid(), SIGKILL);
    return r;
}

static int go(int node, const struct bp_image *image, const struct bproc_io_t *io, int io_count,
              struct bp_error *err)
{
    static char *const in_image[] = {NULL}; /* where the environment is */
    auto_free char **words = bp_order_own_words();
    if (words == NULL)
        return -ENOMEM;
    struct bp_order order = {.nodes = &node, .count = 1, .in_place = true, .argv = words,
                             .envp = in_image,
                             .start = BPMIX__START__SELF, .image = image, .io = io,
                             .io_count = io_count};
    return bp_passage_make(&order, err);
}

/* All signals are blocked. 0 = on the node. */
static int move(int node, const struct bproc_io_t *io, int io_count, int flags)
{
    auto_free char *libraries = bp_public_libraries(flags);
    struct bp_image_options options = bp_public_options(flags, libraries);
    struct bp_image_mailbox mailbox;
    struct bp_image *image = NULL;
    enum bp_image_role role;
    struct bp_error err = {0};
    struct kept kept;
    bool on_master = bproc_currnode() == BPROC_NODE_MASTER; /* as it was before it went */
    options.is_move = true;
    int r = on_master ? 0 : bp_public_cpu_check(node); /* else with the job */
    if (r == 0)
        r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    if (r == 0 && role == BP_IMAGE_RESTORED) {
        if (mailbox.strings != 0)
            munmap((void *)(uintptr_t)mailbox.strings, mailbox.strings_bytes);
        r = bp_descriptors_apply(io, io_count, on_master); /* a node has opened none of them */
        if (r < 0)
            _exit(-r); /* there is no way back */
        return 0;
    }
    if (r == 0)
        r = take_signals(&kept, image);
    if (r == 0) {
        r = on_master ? go(node, image, io, io_count, &err) : go_on(node, image, &err);
        give_back(&kept);
    }
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
    if (r == 0 && bp_public_node(node) == BPROC_NODE_MASTER)
        r = -EOPNOTSUPP; /* it cannot come home */
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
