/* SPDX-License-Identifier: BSD-3-Clause */
/* homes.c - see homes.h. A process comes home from a node: so one that is to be there is made on
 * the caller's node first, with ghost and placeholder as any child, and goes home as any does. */
#include <errno.h>
#include <stdlib.h>
#include <sys/bproc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/crew.h"
#include "lib/homes.h"
#include "lib/keeper.h"

static _Noreturn void give_up(int r)
{
    _exit(bp_keeper_exit_code(r));
}

/* In the child. Its number from 1 on. */
static int go_home(const struct bp_homes *homes, const sigset_t *blocked,
                   const struct bp_image_mailbox *mailbox)
{
    int number = (int)mailbox->result;
    if (mailbox->strings != 0)
        munmap((void *)(uintptr_t)mailbox->strings, mailbox->strings_bytes);
    int r = homes->go(homes->arg, blocked);
    if (r < 0)
        give_up(r);
    return number + 1;
}

static int make(const struct bp_homes *homes, const sigset_t *blocked,
                const struct bp_order *order, int *ret_codes)
{
    struct bp_image_options options = homes->options;
    struct bp_image_mailbox mailbox;
    struct bp_image *image = NULL;
    struct bp_crew *crew;
    enum bp_image_role role;
    struct bp_error err = {0};
    int r = bp_crew_ask(order, &crew, &err);
    if (r < 0)
        return r;
    options.meanwhile = bp_crew_begin;
    options.meanwhile_arg = crew;
    r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    if (r == 0 && role == BP_IMAGE_RESTORED) {
        bp_crew_leave(crew);
        return go_home(homes, blocked, &mailbox);
    }
    if (r == 0)
        r = bp_crew_make(crew, image, ret_codes, &err);
    bp_crew_free(crew);
    bp_image_free(image);
    return r;
}

int bp_homes_make(const struct bp_homes *homes, int *ret_codes)
{
    static char *const in_image[] = {NULL}; /* where the environment is */
    auto_free int *nodes = calloc((size_t)homes->count, sizeof *nodes);
    auto_free char **words = bp_order_own_words();
    sigset_t all, old;
    if (nodes == NULL || words == NULL)
        return -ENOMEM;
    for (int i = 0; i < homes->count; i++)
        nodes[i] = bproc_currnode();
    struct bp_order order = {.nodes = nodes, .count = homes->count, .argv = words,
                             .envp = in_image, .start = BPMIX__START__SELF, .go_home = true};
    sigfillset(&all); /* no handler runs in a child on the way */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = errno, r = make(homes, &old, &order, ret_codes);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = code;
    return r;
}
