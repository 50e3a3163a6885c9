/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_warm.c - libbproc: a program says "start the ranks from here". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "lib/public.h"
#include "lib/warm.h"

#define ENVIRONMENT_MAX (8u << 20)

/* The variables that this program was started with; ends with an empty string. NULL: no memory. */
static char *first_environment(void)
{
    auto_close int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    char *text = calloc(1, ENVIRONMENT_MAX + 2);
    size_t length = 0;
    ssize_t got = 1;
    if (text == NULL)
        return NULL;
    while (fd >= 0 && got > 0 && length < ENVIRONMENT_MAX) {
        got = read(fd, text + length, ENVIRONMENT_MAX - length);
        length += got > 0 ? (size_t)got : 0;
    }
    char *whole = malloc(length + 2); /* what travels need not be that big */
    if (whole != NULL)
        memcpy(whole, text, length + 2);
    free(text);
    return whole;
}

static int was_there(const char *first, const char *variable)
{
    for (; *first != '\0'; first += strlen(first) + 1)
        if (strcmp(first, variable) == 0)
            return 1;
    return 0;
}

/* What the rank has and the program had not: its own variables. What the program has set itself
 * stays. */
static void take_environment(const struct bp_image_mailbox *mailbox, const char *first)
{
    for (char **next = (char **)mailbox->envp; next != NULL && *next != NULL; next++) {
        char *equals = strchr(*next, '=');
        if (equals == NULL || was_there(first, *next))
            continue;
        *equals = '\0';
        setenv(*next, equals + 1, 1);
    }
    munmap((void *)mailbox->strings, mailbox->strings_bytes);
}

static int send_offer(int socket, const struct bp_warm_offer *offer, const int *fds, size_t count)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)offer, .iov_len = sizeof *offer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                                        .cmsg_len = CMSG_LEN(count * sizeof *fds)};
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof *fds);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int refuse(int socket, const struct bp_error *err)
{
    struct bp_warm_offer offer = {.version = BP_WARM_VERSION, .code = err->code};
    snprintf(offer.text, sizeof offer.text, "%.240s", err->text);
    send_offer(socket, &offer, NULL, 0);
    return err->code;
}

/* Hand the image over and end: the ranks go on in this program's place. */
static int hand_over(int socket, struct bp_image *image)
{
    struct bp_warm_offer offer = {.version = BP_WARM_VERSION};
    struct bp_error err = {0};
    pid_t source;
    int fds[2];
    char answer;
    int r = bp_image_pass(image, &fds[0], &source, &fds[1], &err);
    offer.source = source;
    if (r == 0 && (r = send_offer(socket, &offer, fds, 2)) < 0)
        bp_error_set(&err, r, "bprun does not take the image: %s", strerror(-r));
    if (r < 0)
        return refuse(socket, &err);
    while (recv(socket, &answer, 1, 0) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static int check_threads(struct bp_error *err)
{
    struct stat tasks;
    if (stat("/proc/self/task", &tasks) < 0 || tasks.st_nlink <= 3)
        return 0;
    return bp_error_set(err, -EBUSY,
                        "the program has %d threads where it calls bproc_warm, and only one can "
                        "travel (a library started them? OPENBLAS_NUM_THREADS=1 and "
                        "OMP_NUM_THREADS=1 keep numpy from it)", (int)tasks.st_nlink - 2);
}

static int warm(int socket, const char *first)
{
    auto_free char *libraries = bp_public_libraries(0);
    struct bp_image_options options = bp_public_options(0, libraries);
    struct bp_image *image = NULL;
    enum bp_image_role role;
    struct bp_image_mailbox mailbox;
    struct bp_error err = {0};
    int r = check_threads(&err);
    if (r == 0) {
        fflush(NULL);
        r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    }
    if (r < 0)
        return refuse(socket, &err);
    if (role == BP_IMAGE_CAPTURED) {
        r = hand_over(socket, image);
        bp_image_free(image);
        return r;
    }
    take_environment(&mailbox, first);
    return 1;
}

/* The connection to bprun; -1 = none. A child may have inherited the variable alone. */
static int find_socket(void)
{
    const char *word = getenv(BP_WARM_VARIABLE);
    int socket = word != NULL ? atoi(word) : -1, type = 0;
    if (socket <= STDERR_FILENO ||
        getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}) < 0 ||
        type != SOCK_SEQPACKET)
        return -1;
    return socket;
}

int bproc_warm(void)
{
    int socket = find_socket();
    unsetenv(BP_WARM_VARIABLE);
    if (socket < 0)
        return 0;
    auto_free char *first = first_environment();
    if (first == NULL)
        return bp_public_result(-ENOMEM);
    int r = warm(socket, first);
    if (r < 0) /* in a rank there is no such descriptor */
        close(socket);
    return bp_public_result(r);
}
