/* SPDX-License-Identifier: BSD-3-Clause */
/* bphome.c - a ghost that becomes its process again, here on the master. bpghost has executed this
 * in the ghost, with all signals blocked and its descriptors open; bpmaster says what the process
 * is. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/std.h"
#include "image/image.h"
#include "lib/client.h"
#include "tools/program.h"

#define RESTORER    BP_LIBEXECDIR "/bprestore"
#define HIGH        10 /* descriptors from here on are in nobody's way */
#define WAITING_MAX 65536
#define KICK        64 /* the herder's own signal */

enum { IMAGE, IN, OUT, ERR, FILES }; /* descriptors of a HOME frame; then those of its JobMove */

static _Noreturn void fail(const struct bp_error *err)
{
    fprintf(stderr, "bproc: process %d could not come home: %s\n", getpid(), err->text);
    _exit(127);
}

/* ---- signals ---- */

struct waiting {
    siginfo_t *infos;
    unsigned count, size;
};

static int is_kick(const siginfo_t *info, int32_t herder)
{
    return info->si_signo == KICK && info->si_code == SI_USER &&
           (info->si_pid == herder || info->si_pid == 0);
}

/* What came since the ghost told its last one. The queue must be empty for a moment: what came
 * before has its place there. */
static void take(struct waiting *waiting, int32_t herder)
{
    static const struct timespec now;
    uint64_t all = ~UINT64_C(0);
    siginfo_t info;
    while (waiting->count < WAITING_MAX &&
           syscall(SYS_rt_sigtimedwait, &all, &info, &now, sizeof all) > 0) {
        if (is_kick(&info, herder))
            continue;
        if (waiting->count == waiting->size) {
            waiting->size = 2 * waiting->size + 16;
            waiting->infos = bp_realloc(waiting->infos, waiting->size, sizeof *waiting->infos);
        }
        waiting->infos[waiting->count++] = info;
    }
}

static void queue(const siginfo_t *info)
{
    syscall(SYS_rt_sigqueueinfo, getpid(), info->si_signo, info);
}

static void queue_image(int image)
{
    struct bp_error err = {0};
    uint32_t count;
    auto_free struct bp_image_pending *pending = bp_image_pending_read(image, &count, &err);
    if (pending == NULL)
        fail(&err);
    for (uint32_t i = 0; i < count; i++) {
        siginfo_t info;
        memcpy(&info, pending[i].info, sizeof info);
        queue(&info);
    }
}

/* Is it stopped by this one? Not when it was continued after it. */
static int stops(const Bpmix__Home *home, size_t at)
{
    for (size_t i = at + 1; i < home->n_signals; i++)
        if (home->signals[i]->signal == SIGCONT)
            return 0;
    return home->signals[at]->signal == SIGSTOP;
}

static void queue_one(const Bpmix__Home *home, size_t at)
{
    const Bpmix__ProcSignal *signal = home->signals[at];
    siginfo_t info = {.si_signo = (int)signal->signal, .si_code = signal->code};
    if (signal->signal == SIGSTOP) {
        if (stops(home, at))
            kill(getpid(), SIGSTOP);
        return;
    }
    info.si_pid = signal->sender_pid;
    info.si_uid = signal->sender_uid;
    info.si_value.sival_ptr = (void *)(uintptr_t)signal->value;
    queue(&info);
}

static int is_program(const Bpmix__JobMove *move)
{
    return move != NULL && move->start != BPMIX__START__SELF;
}

/* An image of what has not run yet has no signals. */
static void queue_all(const Bpmix__Home *home, int image)
{
    struct waiting waiting = {0};
    take(&waiting, home->herder);
    if (!is_program(home->move))
        queue_image(image);
    for (size_t i = 0; i < home->n_signals; i++)
        queue_one(home, i);
    for (unsigned i = 0; i < waiting.count; i++)
        queue(&waiting.infos[i]);
}

/* ---- the process ---- */

/* What it is to be; NULL with the reason. */
static Bpmix__Home *ask(struct bp_local_message *ret_message, struct bp_error *err)
{
    int r = bp_client_call((struct bp_frame){.type = BP_HOME_ASK}, NULL, BP_HOME, ret_message, err);
    if (r < 0)
        return NULL;
    Bpmix__Home *home =
        BP_UNPACK(Home, home, ret_message->body, ret_message->frame.length, err);
    if (home != NULL &&
        ret_message->fd_count != FILES + (home->move != NULL ? home->move->n_files : 0)) {
        bp_error_set(err, -EPROTO, "bpmaster sent %u descriptors", ret_message->fd_count);
        return NULL;
    }
    return home;
}

/* Standard descriptors; the image and the place for the report are below no other one. */
static int place_files(const struct bp_local_message *message, int *ret_report)
{
    int image = fcntl(message->fds[IMAGE], F_DUPFD, HIGH);
    int report = fcntl(message->fds[ERR], F_DUPFD, HIGH);
    int files[] = {fcntl(message->fds[IN], F_DUPFD_CLOEXEC, HIGH),
                   fcntl(message->fds[OUT], F_DUPFD_CLOEXEC, HIGH),
                   fcntl(message->fds[ERR], F_DUPFD_CLOEXEC, HIGH)};
    for (int i = 0; i < 3; i++)
        if (files[i] < 0 || dup2(files[i], i) < 0)
            return -errno;
    *ret_report = report;
    return report < 0 ? -EMFILE : image;
}

/* Its ghost has its launcher's. What that may not give it keeps. */
static void set_limits(const Bpmix__Home *home)
{
    for (size_t i = 0; i < home->n_limits; i++) {
        struct rlimit limit = {.rlim_cur = home->limits[i]->soft,
                               .rlim_max = home->limits[i]->hard};
        setrlimit((int)home->limits[i]->which, &limit);
    }
}

static _Noreturn void restore(int image, int report)
{
    static char *const no_environment[] = {NULL};
    struct bp_error err = {0};
    char orders[64];
    char *const argv[] = {(char *)"bprestore", orders, NULL};
    snprintf(orders, sizeof orders, "%d,%d,%x,0", image, report,
             BP_RESTORE_SHARED | BP_RESTORE_CWD | BP_RESTORE_QUEUED | BP_RESTORE_TEXT);
    execve(RESTORER, argv, no_environment);
    bp_error_set(&err, -errno, RESTORER ": %s", strerror(errno));
    fail(&err);
}

static _Noreturn void be_program(const Bpmix__JobMove *move, int image, int report)
{
    struct bp_error err = {0};
    int r = program_run(move, image, report);
    bp_error_set(&err, r, "%s: %s", move->program[0] != '\0' ? move->program : RESTORER,
                 strerror(-r));
    fail(&err);
}

int main(void)
{
    struct bp_local_message message;
    struct bp_error err = {0};
    int report = -1;
    syscall(SYS_close_range, 0, ~0u, 0); /* the herd's */
    bp_std_open();
    Bpmix__Home *home = ask(&message, &err);
    if (home == NULL)
        fail(&err);
    int image = place_files(&message, &report), r = image < 0 ? image : 0;
    int *files = bp_memdup(message.fds + FILES, (message.fd_count - FILES) * sizeof *files);
    message.fd_count = FILES;
    bp_local_done(&message); /* before others get their numbers */
    if (r == 0 && is_program(home->move))
        r = program_prepare(home->move);
    if (r == 0 && home->move != NULL)
        r = program_files(home->move, files, &image, &report);
    if (r < 0) {
        bp_error_set(&err, r, "its descriptors: %s", strerror(-r));
        fail(&err);
    }
    set_limits(home);
    queue_all(home, image);
    if (is_program(home->move))
        be_program(home->move, image, report);
    restore(image, report);
}
