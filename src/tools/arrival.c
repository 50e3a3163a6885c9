/* SPDX-License-Identifier: BSD-3-Clause */
/* arrival.c - see arrival.h. Before its ghost becomes it, a child of ours shows that it can be
 * restored: what is wrong then comes to light while the process still lives on its node. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utlist.h>

#include "common/mem.h"
#include "image/image.h"
#include "proto/space_record.h"
#include "tools/arrival.h"
#include "tools/trial.h"


struct arrivals {
    struct event_base *base;
    struct bp_job *job;
    int reaps;
    struct arrival *list;
};

struct arrival {
    struct arrivals *all;
    uint32_t number;
    pid_t pid;
    Bpmix__JobMove *move; /* what it is to be; NULL = what its image is */
    int files[3];
    int opened;           /* from where those of its JobMove come; -1 = there are none */
    int image;            /* a memory file; -1 = over */
    uint64_t have, bytes; /* bytes: of the whole, as its head says; 0 = not known yet */
    pid_t trial;          /* 0 = none */
    int reaped, status;   /* of it */
    struct event *report; /* of the trial */
    struct arrival *prev, *next;
};

static void trial_end(struct arrival *arrival)
{
    if (arrival->report != NULL) {
        close(event_get_fd(arrival->report));
        event_free(bp_take_ptr(arrival->report));
    }
    if (arrival->trial > 0 && !arrival->reaped) {
        kill(arrival->trial, SIGKILL);
        waitpid(arrival->trial, NULL, 0);
    }
    arrival->trial = 0;
}

static void refuse(struct arrival *arrival, const struct bp_error *why)
{
    bp_job_not_home(arrival->all->job, arrival->number, why);
    if (arrival->image >= 0)
        close(bp_take_fd(arrival->image));
}

static void give(struct arrival *arrival)
{
    int fds[BP_JOB_HOME_FDS + BP_SPACE_FILES_MAX] = {arrival->image, arrival->files[0],
                                                     arrival->files[1], arrival->files[2]};
    unsigned count = arrival->move != NULL ? (unsigned)arrival->move->n_files : 0;
    struct bp_local_message message = {0};
    struct bp_error err = {0};
    int r = count == 0 ? 1 : bp_local_receive(arrival->opened, BP_PEER_TOOL, BP_PEER_MASTER,
                                              &message, &err);
    if (r <= 0 || message.fd_count != count) {
        bp_error_set(&err, -EIO, "its files have not come");
        refuse(arrival, &err);
    } else {
        memcpy(fds + BP_JOB_HOME_FDS, message.fds, count * sizeof *fds);
        bp_job_home(arrival->all->job, arrival->number, arrival->all->reaps, fds, count);
        close(bp_take_fd(arrival->image));
    }
    bp_local_done(&message);
}

/* Nothing is said when it can be restored. */
static void on_report(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct arrival *arrival = arg;
    struct bp_restore_report report = {0};
    struct bp_error err = {0};
    ssize_t got = read(fd, &report, sizeof report);
    if (got == 0) {
        if (!arrival->reaped && waitpid(arrival->trial, &arrival->status, 0) == arrival->trial)
            arrival->reaped = 1;
        if (!arrival->reaped || arrival->status != 0)
            bp_error_set(&err, -EIO, "the trial to restore it ended with status %#x",
                         (unsigned)arrival->status);
    } else {
        report.text[sizeof report.text - 1] = '\0';
        bp_error_set(&err, report.code < 0 ? report.code : -EIO, "%s", report.text);
    }
    trial_end(arrival);
    if (err.code == 0)
        give(arrival);
    else
        refuse(arrival, &err);
}

static int try(struct arrival *arrival, struct bp_error *err)
{
    int pair[2], files[2];
    if (fcntl(arrival->image, F_ADD_SEALS, BP_IMAGE_SEALS) < 0 || pipe2(pair, O_CLOEXEC) < 0)
        return bp_error_set(err, -errno, "its image cannot be tried: %s", strerror(errno));
    auto_close int in = pair[0];
    auto_close int out = pair[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, files) < 0)
        return bp_error_set(err, -errno, "socketpair: %s", strerror(errno));
    arrival->opened = files[0];
    auto_close int opened = files[1];
    arrival->trial = fork();
    if (arrival->trial < 0)
        return bp_error_set(err, -errno, "fork: %s", strerror(errno));
    if (arrival->trial == 0)
        trial_run(&(struct trial){.move = arrival->move, .pid = arrival->pid, .report = out,
                                  .image = arrival->image, .files = opened});
    arrival->report = event_new(arrival->all->base, bp_take_fd(in), EV_READ, on_report, arrival);
    event_add(arrival->report, NULL);
    return 0;
}

/* Its first page says how many bytes it has. */
static int check_size(struct arrival *arrival, struct bp_error *err)
{
    struct bp_image_head head;
    if (arrival->bytes == 0 && arrival->have >= sizeof head) {
        if (pread(arrival->image, &head, sizeof head, 0) != (ssize_t)sizeof head)
            return bp_error_set(err, -EIO, "its image cannot be read");
        int r = bp_image_head_check(&head, &arrival->bytes, err);
        if (r < 0)
            return r;
    }
    if (arrival->bytes != 0 && arrival->have > arrival->bytes)
        return bp_error_set(err, -EBADMSG, "its image is longer than its head says");
    return 0;
}

static int add(struct arrival *arrival, const uint8_t *bytes, size_t length, struct bp_error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t wrote = write(arrival->image, bytes + done, length - done);
        if (wrote < 0)
            return bp_error_set(err, -errno, "there is no room for its image: %s", strerror(errno));
        done += (size_t)wrote;
    }
    arrival->have += length;
    return check_size(arrival, err);
}

static struct arrival *find(const struct arrivals *arrivals, uint32_t number)
{
    struct arrival *arrival;
    DL_FOREACH(arrivals->list, arrival)
        if (arrival->number == number)
            return arrival;
    return NULL;
}

void arrivals_bytes(struct arrivals *arrivals, uint32_t number, const uint8_t *bytes,
                    size_t length)
{
    struct arrival *arrival = find(arrivals, number);
    struct bp_error err = {0};
    if (arrival == NULL || arrival->image < 0 || arrival->trial > 0)
        return; /* it was refused, or there is more than its end */
    int r = length > 0 ? add(arrival, bytes, length, &err) : try(arrival, &err);
    if (r < 0)
        refuse(arrival, &err);
}

static int begin(struct arrival *arrival, const Bpmix__JobMove *move, struct bp_error *err)
{
    size_t length = 0;
    arrival->image = memfd_create("bpmix-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (arrival->image < 0)
        return bp_error_set(err, -errno, "no memory file: %s", strerror(errno));
    if (move == NULL)
        return 0;
    auto_free uint8_t *bytes = bp_pack(move, &length); /* the event does not last */
    arrival->move = BP_UNPACK(JobMove, job_move, bytes, length, err);
    if (arrival->move == NULL)
        return err->code;
    return move->start == BPMIX__START__EXEC ? try(arrival, err) : 0;
}

void arrivals_begin(struct arrivals *arrivals, const Bpmix__JobEvent *event, const int files[3])
{
    struct arrival *arrival = bp_calloc(1, sizeof *arrival);
    struct bp_error err = {0};
    *arrival = (struct arrival){.all = arrivals, .number = event->number, .pid = event->pid,
                                .files = {files[0], files[1], files[2]}, .opened = -1};
    DL_APPEND(arrivals->list, arrival);
    if (begin(arrival, event->move, &err) < 0)
        refuse(arrival, &err);
}

static void arrival_free(struct arrival *arrival)
{
    trial_end(arrival);
    if (arrival->image >= 0)
        close(arrival->image);
    if (arrival->opened >= 0)
        close(arrival->opened);
    bp_unpack_free(arrival->move);
    DL_DELETE(arrival->all->list, arrival);
    free(arrival);
}

void arrivals_forget(struct arrivals *arrivals, uint32_t number)
{
    struct arrival *arrival = find(arrivals, number);
    if (arrival != NULL)
        arrival_free(arrival);
}

int arrivals_reaped(struct arrivals *arrivals, pid_t pid, int status)
{
    struct arrival *arrival;
    DL_FOREACH(arrivals->list, arrival) {
        if (arrival->trial != pid || arrival->reaped)
            continue;
        arrival->reaped = 1;
        arrival->status = status;
        return 1;
    }
    return 0;
}

struct arrivals *arrivals_new(struct event_base *base, struct bp_job *job, int reaps)
{
    struct arrivals *arrivals = bp_calloc(1, sizeof *arrivals);
    *arrivals = (struct arrivals){.base = base, .job = job, .reaps = reaps};
    return arrivals;
}

void arrivals_free(struct arrivals *arrivals)
{
    while (arrivals != NULL && arrivals->list != NULL)
        arrival_free(arrivals->list);
    free(arrivals);
}
