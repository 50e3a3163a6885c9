/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.c - a process on a node goes on to another one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/bproc_common.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/settings.h"
#include "lib/client.h"
#include "lib/onward.h"
#include "proto/relay.h"

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

/* At home it was another process until then, that has nothing of this. */
static void keep_settings(const struct bp_order *order, int32_t nice, Bpmix__JobMove *move)
{
    struct bp_settings settings;
    bp_settings_read(&settings);
    move->blocked = order->blocked;
    move->nice = nice;
    move->no_new_privs = settings.is_capped;
    move->no_new_code = settings.no_new_code > 0 ? (uint32_t)settings.no_new_code : 0;
}

/* Of a process as it is the image says all; but at home, as on a node, others open its files. */
static bool is_said(const struct bp_order *order)
{
    struct bp_order_files files;
    bp_order_fill_files(order, &files);
    return order->start != BPMIX__START__SELF ||
           (order->nodes[0] == BPROC_NODE_MASTER && files.count > 0);
}

/* What it is to be there. */
static uint8_t *body(const struct bp_order *order, uint32_t *ret_length)
{
    Bpmix__JobMove move = BPMIX__JOB_MOVE__INIT;
    Bpmix__JobRequest request;
    Bpmix__Place place;
    Bpmix__Launcher launcher;
    struct bp_order_files files;
    if (bp_job_request_init(&request, &place, &launcher, 0, NULL) < 0)
        return NULL;
    move.start = order->start;
    move.program = order->program != NULL ? (char *)order->program : move.program;
    if (order->start != BPMIX__START__SELF) {
        move.argv = (char **)order->argv;
        move.n_argv = bp_order_vector_length(order->argv);
        move.env = (char **)order->envp;
        move.n_env = bp_order_vector_length(order->envp);
    }
    move.cwd = request.cwd;
    move.umask = request.umask;
    move.ignored = launcher.ignored;
    if (order->nodes[0] == BPROC_NODE_MASTER)
        keep_settings(order, launcher.nice, &move);
    bp_order_fill_files(order, &files);
    move.files = files.rows;
    move.n_files = files.count;
    *ret_length = (uint32_t)protobuf_c_message_get_packed_size(&move.base);
    uint8_t *bytes = malloc(*ret_length);
    if (bytes != NULL)
        protobuf_c_message_pack(&move.base, bytes);
    bp_job_request_done(&request);
    return bytes;
}

static int image_file(struct bp_image *image, struct bp_error *err)
{
    auto_close int file = memfd_create("bpmix-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r = file < 0 ? -errno : bp_image_write(image, file, err);
    if (r == 0 && fcntl(file, F_ADD_SEALS, BP_IMAGE_SEALS) < 0)
        r = -errno;
    return r < 0 ? r : bp_take_fd(file);
}

int bp_onward_make(const struct bp_order *order, struct bp_error *err)
{
    struct bp_frame frame = {.type = BP_JOB_MOVE, .node = order->nodes[0], .tag = 1};
    struct bp_local_message answer;
    auto_free uint8_t *what = is_said(order) ? body(order, &frame.length) : NULL;
    if (is_said(order) && what == NULL)
        return -ENOMEM;
    auto_close int file = order->image != NULL ? image_file(order->image, err) : -1;
    if (order->image != NULL && file < 0)
        return file;
    auto_close int fd = bp_client_connect(err);
    int r = fd < 0 ? fd : bp_local_send(fd, &frame, what, &file, order->image != NULL);
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
