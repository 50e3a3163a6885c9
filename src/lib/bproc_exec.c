/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_exec.c - libbproc: programs on nodes, of the node or of the caller's machine. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "image/settings.h"
#include "lib/crew.h"
#include "lib/homes.h"
#include "lib/onward.h"
#include "lib/passage.h"
#include "lib/public.h"
#include "lib/quiet.h"

static char *const no_words[] = {(char *)"", NULL};
static char *const nothing[] = {NULL};

/* An execve of NULL vectors is one of empty ones. */
static void set_vectors(struct bp_order *order, char *const argv[], char *const envp[])
{
    order->argv = argv != NULL && argv[0] != NULL ? argv : no_words;
    order->envp = envp != NULL ? envp : nothing;
}

/* The descriptors of a program that has not run are made by the node. */
static int take_io(const struct bproc_io_t *io, int count, struct bproc_io_t *ret_wishes)
{
    int r = bp_descriptors_take(io, count, ret_wishes);
    for (int i = 0; r == 0 && i < count; i++)
        if (!bp_descriptor_suits_nodes(&ret_wishes[i]))
            r = -EOPNOTSUPP;
    return r;
}

/* The calling process becomes the order's; returns only when it does not. */
static int pass(struct bp_order *order)
{
    struct bp_error err = {0};
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    memcpy(&order->blocked, &old, sizeof order->blocked); /* the kernel's 64 are the first */
    int r = bproc_currnode() == BPROC_NODE_MASTER ? bp_passage_make(order, &err)
                                                  : bp_onward_make(order, &err);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* As execve has it: a name without a slash is of the working directory. */
static char *as_path(const char *cmd)
{
    char *path = malloc(strlen(cmd) + 3);
    if (path != NULL)
        sprintf(path, "%s%s", strchr(cmd, '/') != NULL ? "" : "./", cmd);
    return path;
}

/* A program of the caller's machine, before its first instruction. Of a script the order has other
 * words then: free() ret_words, with the image. */
static int capture(struct bp_order *order, const char *cmd, struct bp_image **ret_image,
                   char ***ret_words)
{
    struct bp_image_options options = bp_public_options(0, NULL); /* of it only its own is mapped */
    struct bp_image_program program = {
        .path = cmd, .argv = order->argv, .envp = order->envp, .kind = BP_IMAGE_LD};
    struct bp_error err = {0};
    int r = bp_image_capture_exec(&options, &program, ret_image, &err);
    if (r < 0)
        return r;
    order->image = *ret_image;
    *ret_words = bp_image_arguments(*ret_image, order->argv);
    order->argv = *ret_words;
    return order->argv != NULL ? 0 : -ENOMEM;
}

/* ---- in place of the caller ---- */

static int exec_here(const struct bproc_io_t *io, int iolen, const char *cmd, char *const argv[],
                     char *const envp[])
{
    int r = bp_descriptors_apply(io, iolen, false);
    if (r == 0) {
        execve(cmd, argv, envp);
        r = -errno;
    }
    return bp_public_result(r);
}

int bproc_rexec_io(int node, struct bproc_io_t *io, int iolen, const char *cmd,
                   char *const argv[], char *const envp[])
{
    struct bproc_io_t wishes[BPROC_IO_MAX_LEN];
    struct bp_order order = {.nodes = &node, .count = 1, .in_place = true, .io = wishes,
                             .io_count = iolen};
    int r = take_io(io, iolen, wishes);
    if (r < 0)
        return bp_public_result(r);
    node = bp_public_node(node);
    if (node == bproc_currnode())
        return exec_here(wishes, iolen, cmd, argv, envp);
    auto_free char *path = as_path(cmd);
    if (path == NULL)
        return bp_public_result(-ENOMEM);
    order.program = path;
    set_vectors(&order, argv, envp);
    return bp_public_result(pass(&order));
}

int bproc_rexec(int node, const char *cmd, char *const argv[], char *const envp[])
{
    return bproc_rexec_io(node, NULL, 0, cmd, argv, envp);
}

int bproc_execmove_io(int node, struct bproc_io_t *io, int iolen, const char *cmd,
                      char *const argv[], char *const envp[])
{
    struct bproc_io_t wishes[BPROC_IO_MAX_LEN];
    struct bp_order order = {.nodes = &node, .count = 1, .in_place = true, .io = wishes,
                             .io_count = iolen, .start = BPMIX__START__LD};
    struct bp_image *image = NULL;
    auto_free char **words = NULL;
    int r = take_io(io, iolen, wishes);
    if (r < 0)
        return bp_public_result(r);
    node = bp_public_node(node);
    if (node == bproc_currnode())
        return exec_here(wishes, iolen, cmd, argv, envp);
    set_vectors(&order, argv, envp);
    if (node == BPROC_NODE_MASTER && bp_settings_no_new_code())
        return bp_public_result(-EOPNOTSUPP); /* it keeps that, and nobody could restore it there */
    r = capture(&order, cmd, &image, &words);
    if (r == 0)
        r = pass(&order);
    bp_image_free(image);
    return bp_public_result(r);
}

int bproc_execmove(int node, const char *cmd, char *const argv[], char *const envp[])
{
    return bproc_execmove_io(node, NULL, 0, cmd, argv, envp);
}

int bproc_execve(const char *cmd, char *const argv[], char *const envp[])
{
    return execve(cmd, argv, envp);
}

/* ---- children ---- */

/* A child on the caller's own machine: its PID, or -errno when it could not be executed. */
static int spawn_here(const struct bp_order *order, const char *cmd)
{
    int pair[2], error = 0;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    auto_close int in = pair[0];
    auto_close int out = pair[1];
    pid_t pid = fork();
    if (pid == 0) {
        error = -bp_descriptors_apply(order->io, order->io_count, false);
        if (error == 0) {
            execve(cmd, order->argv, order->envp);
            error = errno;
        }
        ssize_t ignored = write(out, &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    if (pid < 0)
        return -errno;
    close(bp_take_fd(out));
    if (read(in, &error, sizeof error) != (ssize_t)sizeof error)
        return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return -error;
}

static int spawn_away(const struct bp_order *wanted, const char *cmd, int *codes)
{
    struct bp_order order = *wanted;
    struct bp_image *image = NULL;
    struct bp_crew *crew = NULL;
    auto_free char **words = NULL;
    struct bp_error err = {0};
    int r = capture(&order, cmd, &image, &words);
    if (r == 0)
        r = bp_crew_ask(&order, &crew, &err);
    if (r == 0)
        r = bp_crew_make(crew, image, codes, &err);
    bp_crew_free(crew);
    bp_image_free(image);
    return r;
}

struct journey { /* of a child to the master */
    const struct bp_order *order;
    const char *cmd;
};

/* No handler of the caller's is kept, so none may run in between. */
static void forget_handlers(void)
{
    struct sigaction action, usual = {.sa_handler = SIG_DFL};
    for (int signo = 1; signo < NSIG; signo++)
        if (sigaction(signo, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaction(signo, &usual, NULL);
}

static int go_home(void *arg, const sigset_t *blocked)
{
    const struct journey *journey = arg;
    struct bproc_io_t io[BPROC_IO_MAX_LEN];
    const struct bp_order *order = journey->order;
    memcpy(io, order->io, (size_t)order->io_count * sizeof *io);
    forget_handlers();
    pthread_sigmask(SIG_SETMASK, blocked, NULL);
    bproc_execmove_io(BPROC_NODE_MASTER, io, order->io_count, journey->cmd, order->argv,
                      order->envp);
    return -errno;
}

/* Of a caller on a node. They are sent on by what they are a copy of. */
static void spawn_home(const struct bp_order *order, const char *cmd, const int *numbers, int count,
                       int *codes, int *ret_pids)
{
    struct journey journey = {.order = order, .cmd = cmd};
    struct bp_homes homes = {.options = bp_public_options(0, NULL), .go = go_home,
                             .arg = &journey};
    for (int i = 0; i < count; i++)
        homes.count += numbers[i] == BPROC_NODE_MASTER;
    int next = 0, r = homes.count > 0 ? bp_homes_make(&homes, codes) : 0;
    for (int i = 0; i < count; i++)
        if (numbers[i] == BPROC_NODE_MASTER)
            ret_pids[i] = r < 0 ? r : codes[next++];
}

/* Those for nodes first, then those for here. `room` is for three times as many numbers. */
static int spawn(struct bp_order *order, const int *nodes, int count, const char *cmd, int *room,
                 int *ret_pids)
{
    int *codes = room + count, *numbers = room + 2 * (size_t)count;
    int here = bproc_currnode(), next = 0;
    struct bp_quiet quiet;
    for (int i = 0; i < count; i++)
        numbers[i] = bp_public_node(nodes[i]);
    int r = bp_crew_check(numbers, count, NULL, ret_pids);
    order->nodes = room;
    order->count = 0;
    for (int i = 0; i < count; i++)
        if (numbers[i] != here && numbers[i] != BPROC_NODE_MASTER && ret_pids[i] == 0)
            room[order->count++] = numbers[i];
    if (r == 0 && order->count > 0)
        r = spawn_away(order, cmd, codes);
    if (r < 0)
        return r;
    bp_quiet_begin(&quiet);
    for (int i = 0; i < count; i++) {
        if (numbers[i] == here)
            ret_pids[i] = spawn_here(order, cmd);
        else if (ret_pids[i] == 0 && numbers[i] != BPROC_NODE_MASTER)
            ret_pids[i] = codes[next++];
    }
    bp_quiet_end(&quiet);
    bp_quiet_forget(&quiet, ret_pids, count);
    if (here != BPROC_NODE_MASTER)
        spawn_home(order, cmd, numbers, count, codes, ret_pids);
    return count;
}

int bproc_vexecmove_io(int nnodes, int *nodes, int *pids, struct bproc_io_t *io, int iolen,
                       const char *cmd, char *const argv[], char *const envp[])
{
    struct bproc_io_t wishes[BPROC_IO_MAX_LEN];
    struct bp_order order = {.io = wishes, .io_count = iolen, .start = BPMIX__START__LD};
    int r = nnodes <= 0 ? -EINVAL : take_io(io, iolen, wishes);
    if (r < 0)
        return bp_public_result(r);
    auto_free int *room = calloc((size_t)nnodes * 3, sizeof *room);
    if (room == NULL)
        return bp_public_result(-ENOMEM);
    set_vectors(&order, argv, envp);
    return bp_public_result(spawn(&order, nodes, nnodes, cmd, room, pids));
}

int bproc_vexecmove(int nnodes, int *nodes, int *pids, const char *cmd, char *const argv[],
                    char *const envp[])
{
    return bproc_vexecmove_io(nnodes, nodes, pids, NULL, 0, cmd, argv, envp);
}
