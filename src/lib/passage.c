/* SPDX-License-Identifier: BSD-3-Clause */
/* passage.c - a process that goes to a node: made there first, then a ghost here. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc_common.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yama.h"
#include "lib/keeper.h"
#include "lib/passage.h"
#include "proto/ghost_record.h"

#define PROGRAM BP_LIBEXECDIR "/bpghost"
#define HIGH    10 /* descriptors from here on are in nobody's way */

struct ghost { /* what is needed to become one, taken before there is no way back */
    int program, link, setup;
};

static void ghost_done(struct ghost *ghost)
{
    if (ghost->program >= 0)
        close(ghost->program);
    if (ghost->link >= 0)
        close(ghost->link);
    if (ghost->setup >= 0)
        close(ghost->setup);
}

static int setup_file(uint32_t lease_ms, const char *command)
{
    struct bp_ghost_setup setup = {.version = BP_GHOST_VERSION, .count = 1,
                                   .lease_ms = lease_ms, .flags = BP_GHOST_IN_PLACE};
    const char *slash = strrchr(command, '/');
    strncpy(setup.comm, slash != NULL ? slash + 1 : command, sizeof setup.comm - 1);
    auto_close int fd = memfd_create("bpmix-herd", MFD_CLOEXEC);
    if (fd < 0 || write(fd, &setup, sizeof setup) != (ssize_t)sizeof setup ||
        lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    return fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
}

static int ghost_init(struct ghost *ghost, const struct bp_order *order, uint32_t lease_ms,
                      struct bp_local_message *take_herds, struct bp_error *err)
{
    auto_close int program = open(PROGRAM, O_PATH | O_CLOEXEC);
    *ghost = (struct ghost){
        .program = program >= 0 ? fcntl(program, F_DUPFD_CLOEXEC, HIGH) : -1,
        .link = fcntl(take_herds->fds[0], F_DUPFD_CLOEXEC, HIGH),
        .setup = setup_file(lease_ms, order->argv[0])};
    int r = errno;
    bp_local_done(take_herds);
    if (ghost->program >= 0 && ghost->link >= 0 && ghost->setup >= 0)
        return 0;
    ghost_done(ghost);
    return bp_error_set(err, -r, PROGRAM ": %s", strerror(r));
}

/* The process runs on its node, so there is no way back. Should this fail after all, the job ends
 * with the link. */
static _Noreturn void become_ghost(struct ghost *ghost, const struct bp_order *order)
{
    static char *const no_environment[] = {NULL};
    static const struct itimerval off;
    prctl(PR_SET_CHILD_SUBREAPER, 0); /* or its herder would become its child */
    if (order->start == BPMIX__START__SELF) /* its timers went with it; an exec keeps them */
        for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
            setitimer((__itimer_which_t)which, &off, NULL);
    if (dup2(ghost->link, 3) == 3 && dup2(ghost->setup, 4) == 4)
        fexecve(ghost->program, order->argv, no_environment);
    _exit(errno);
}

/* What became of it: 0 = it runs. */
static int hear(int keeper)
{
    struct bp_keeper_news news;
    return bp_keeper_hear(keeper, &news) > 0 ? news.code : -ECONNABORTED;
}

static int go(struct bp_passage *passage, struct bp_image *image, struct bp_error *err)
{
    const struct bp_order *order = passage->order;
    struct bp_launch launch;
    struct bp_local_message herds;
    struct ghost ghost;
    int r = bp_launch_answer(bp_take_fd(passage->asked), NULL, NULL, &launch, &herds, err);
    if (r < 0)
        return r;
    r = ghost_init(&ghost, order, launch.map->lease_ms, &herds, err);
    if (r < 0) {
        bp_launch_done(&launch);
        return r;
    }
    r = bp_keeper_give(passage->keeper, BP_KEEPER_ALONE, &launch, image, err);
    bp_launch_done(&launch);
    if (r == 0)
        r = hear(passage->keeper);
    if (r == 0)
        become_ghost(&ghost, order);
    ghost_done(&ghost);
    return r;
}

/* A process has one tracer, and its ghost's is the herder. */
static bool is_traced(void)
{
    char text[2048];
    auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "\nTracerPid:");
    return line != NULL && strtol(line + strlen("\nTracerPid:"), NULL, 10) != 0;
}

int bp_passage_ask(const struct bp_order *order, struct bp_passage *ret_passage,
                   struct bp_error *err)
{
    if (is_traced())
        return bp_error_set(err, -EPERM, "a process that is traced cannot become a ghost");
    if (bp_yama_why()[0] != '\0')
        return bp_error_set(err, -EPERM, "nobody could trace the ghost%s", bp_yama_why());
    auto_close int keeper = bp_keeper_start(err);
    int asked = keeper < 0 ? keeper : bp_order_ask(order, err);
    if (asked < 0)
        return asked;
    *ret_passage = (struct bp_passage){.order = order, .keeper = bp_take_fd(keeper),
                                       .asked = asked};
    return 0;
}

int bp_passage_go(struct bp_passage *take_passage, struct bp_image *image, struct bp_error *err)
{
    int r = go(take_passage, image, err);
    bp_passage_drop(take_passage);
    return r;
}

void bp_passage_drop(struct bp_passage *passage)
{
    close(bp_take_fd(passage->keeper));
    if (passage->asked >= 0)
        close(bp_take_fd(passage->asked));
}

int bp_passage_make(const struct bp_order *order, struct bp_error *err)
{
    struct bp_passage passage;
    int r = bp_passage_ask(order, &passage, err);
    return r < 0 ? r : bp_passage_go(&passage, order->image, err);
}
