/* SPDX-License-Identifier: BSD-3-Clause */
/* start_driver.c - a launcher that sends any bytes as the image of its job, for start.py.
 *
 *   start_driver save FILE PROGRAM [ARGUMENT...]       the image of a program, ld
 *   start_driver send FILE BYTES END NODES PROGRAM...  a job of one rank on each node; BYTES of FILE
 *                                                      are sent; at END this process kills itself
 *   start_driver relay FILE BYTES END NODES PROGRAM... the same, passed on by the nodes; at END it says
 *                                                      "half" and waits for a line
 *
 * They print what happens, one line each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "lib/job.h"

struct launcher {
    struct event_base *base;
    struct bp_job *job;
    int file;
    uint64_t end;
    int relay;
};

static void on_event(void *arg, const Bpmix__JobEvent *event)
{
    (void)arg;
    if (event->kind == BPMIX__JOB_EVENT__KIND__FAILED)
        printf("failed %u %s: %s\n", event->rank, strerror(event->status), event->text);
    else if (event->kind == BPMIX__JOB_EVENT__KIND__EXIT)
        printf("exit %u %d\n", event->rank, event->status);
    else if (event->kind == BPMIX__JOB_EVENT__KIND__CREATED)
        printf("created %u\n", event->rank);
    else
        printf("event %d %s\n", event->kind, event->text);
}

static void on_output(void *arg, uint32_t rank, unsigned channel, const uint8_t *bytes,
                      size_t length)
{
    (void)arg, (void)channel;
    if (length > 0)
        printf("output %u %.*s", rank, (int)length, (const char *)bytes);
}

static void on_credit(void *arg, uint32_t rank, uint32_t taken)
{
    (void)arg, (void)rank, (void)taken;
}

static void on_progress(void *arg)
{
    struct launcher *launcher = arg;
    if (launcher->job != NULL && bp_job_is_over(launcher->job))
        event_base_loopbreak(launcher->base);
}

static void on_lost(void *arg, const char *why)
{
    (void)arg;
    printf("lost %s\n", why);
}

static ssize_t read_file(void *arg, void *buffer, size_t size, uint64_t offset,
                         struct bp_error *err)
{
    struct launcher *launcher = arg;
    if (offset + size > launcher->end && !launcher->relay)
        raise(SIGKILL);
    if (offset + size > launcher->end) {
        char line;
        puts("half");
        launcher->end = UINT64_MAX;
        while (read(STDIN_FILENO, &line, 1) < 0 && errno == EINTR)
            ;
    }
    ssize_t got = pread(launcher->file, buffer, size, (off_t)offset);
    return got < 0 ? bp_error_set(err, -errno, "%s", strerror(errno)) : got;
}

static void on_done(void *arg, const struct bp_error *why)
{
    struct launcher *launcher = arg;
    printf("done %s\n", why->text);
    if (why->code != 0)
        bp_job_kill(launcher->job, 0);
}

static int open_job(struct launcher *launcher, Bpmix__JobRequest *request, struct bp_error *err)
{
    static const struct bp_job_events events = {
        .event = on_event, .output = on_output, .credit = on_credit, .left = on_credit,
        .progress = on_progress, .lost = on_lost};
    struct bp_launch launch;
    struct bp_local_message herds;
    int r = bp_launch_open(request, NULL, NULL, &launch, &herds, err);
    if (r < 0)
        return r;
    r = bp_launch_ghosts(&launch, request, &herds, err);
    if (r < 0) {
        bp_launch_done(&launch);
        return r;
    }
    launcher->job = bp_job_attach(launcher->base, &launch, &events, launcher, err);
    return launcher->job != NULL ? 0 : err->code;
}

static int send_image(int argc, char **argv)
{
    struct bp_error err = {0};
    struct launcher launcher = {.base = event_base_new(),
                                .file = open(argv[2], O_RDONLY | O_CLOEXEC),
                                .end = strtoull(argv[4], NULL, 10),
                                .relay = strcmp(argv[1], "relay") == 0};
    Bpmix__JobRequest request;
    Bpmix__Place place;
    Bpmix__Launcher self;
    setvbuf(stdout, NULL, _IOLBF, 0);
    bp_job_request_init(&request, &place, &self, argc - 6, argv + 6);
    place.node_list = argv[5];
    place.one_each = 1;
    request.stdin_rank = -2;
    request.start = BPMIX__START__LD;
    request.relay = launcher.relay;
    int r = open_job(&launcher, &request, &err);
    bp_job_request_done(&request);
    if (r < 0) {
        printf("refused %s\n", err.text);
        return 1;
    }
    bp_job_send_image(launcher.job,
                      &(struct bp_image_source){.bytes = strtoull(argv[3], NULL, 10),
                                                .read = read_file, .done = on_done,
                                                .arg = &launcher, .relay = launcher.relay});
    event_base_dispatch(launcher.base);
    bp_job_free(launcher.job);
    while (wait(NULL) > 0)
        ;
    return 0;
}

static int save_image(char **argv)
{
    struct bp_error err = {0};
    struct bp_image *image = NULL;
    struct bp_image_options options = {.carry = BP_CARRY_DEFAULT};
    struct bp_image_program program = {
        .path = argv[3], .argv = argv + 3, .envp = environ, .search = true, .kind = BP_IMAGE_LD};
    auto_close int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int r = bp_image_capture_exec(&options, &program, &image, &err);
    if (r == 0)
        r = bp_image_write(image, fd, &err);
    bp_image_free(image);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    return r < 0;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "save") == 0)
        return save_image(argv);
    if (argc > 6 && (strcmp(argv[1], "send") == 0 || strcmp(argv[1], "relay") == 0))
        return send_image(argc, argv);
    return 2;
}
