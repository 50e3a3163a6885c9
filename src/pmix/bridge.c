/* SPDX-License-Identifier: BSD-3-Clause */
/* bridge.c - a locked list and an eventfd between libpmix's threads and the loop. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include <pmix.h>

#include "common/mem.h"
#include "pmix/bridge.h"

static struct {
    pthread_mutex_t lock;
    struct bp_call *first, **last;
    int fd;
    struct bp_shepherd *shepherd;
} bridge = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static struct bp_call *take_all(void)
{
    pthread_mutex_lock(&bridge.lock);
    struct bp_call *calls = bridge.first;
    bridge.first = NULL;
    bridge.last = &bridge.first;
    pthread_mutex_unlock(&bridge.lock);
    return calls;
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    (void)arg;
    eventfd_t posted;
    if (eventfd_read(fd, &posted) < 0)
        return;
    struct bp_call *call = take_all();
    while (call != NULL) {
        struct bp_call *next = call->next;
        call->run(bridge.shepherd, call);
        call = next;
    }
}

int bp_bridge_open(struct event_base *base, struct bp_shepherd *shepherd, struct bp_error *err)
{
    bridge.last = &bridge.first;
    bridge.shepherd = shepherd;
    bridge.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bridge.fd < 0)
        return bp_error_set(err, -errno, "eventfd: %s", strerror(errno));
    struct event *event = event_new(base, bridge.fd, EV_READ | EV_PERSIST, on_posted, NULL);
    if (event == NULL || event_add(event, NULL) < 0)
        return bp_error_set(err, -ENOMEM, "the loop does not take the bridge's event");
    return 0;
}

void bp_bridge_post(struct bp_call *take_call)
{
    take_call->next = NULL;
    pthread_mutex_lock(&bridge.lock);
    bool was_empty = bridge.first == NULL;
    *bridge.last = take_call;
    bridge.last = &take_call->next;
    pthread_mutex_unlock(&bridge.lock);
    if (was_empty)
        eventfd_write(bridge.fd, 1);
}

struct answer {
    struct bp_call call;
    pmix_op_cbfunc_t callback;
    void *arg;
    pmix_status_t status;
};

static void run_answer(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    (void)shepherd;
    auto_free struct answer *answer = (struct answer *)take_call;
    answer->callback(answer->status, answer->arg);
}

pmix_status_t bp_bridge_answer(pmix_op_cbfunc_t callback, void *arg, pmix_status_t status)
{
    if (callback == NULL)
        return status;
    struct answer *answer = bp_calloc(1, sizeof *answer);
    *answer = (struct answer){{NULL, run_answer}, callback, arg, status};
    bp_bridge_post(&answer->call);
    return PMIX_SUCCESS;
}

pmix_info_t *bp_copy_infos(const pmix_info_t *infos, size_t count)
{
    if (count == 0)
        return NULL;
    pmix_info_t *copies = bp_calloc(count, sizeof *copies);
    for (size_t i = 0; i < count; i++)
        PMIX_INFO_XFER(&copies[i], &infos[i]);
    return copies;
}

void bp_free_infos(pmix_info_t *infos, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PMIX_INFO_DESTRUCT(&infos[i]);
    free(infos);
}

void *bp_copy_bytes(const void *bytes, size_t length)
{
    if (length == 0)
        return NULL;
    void *copy = bp_calloc(1, length);
    memcpy(copy, bytes, length);
    return copy;
}

const pmix_value_t *bp_find_info(const pmix_info_t *infos, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (PMIX_CHECK_KEY(&infos[i], key))
            return &infos[i].value;
    return NULL;
}
