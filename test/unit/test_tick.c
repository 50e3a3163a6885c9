/* SPDX-License-Identifier: BSD-3-Clause */
/* test_tick.c - who was held up hears first, and judges then. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/tick.h"
#include "tap.h"

#define PEERS     50 /* more than libevent hands out in one turn */
#define PERIOD_MS 20

struct scene {
    struct event_base *base;
    struct bp_tick *tick;
    struct bufferevent *peers[PEERS];
    int ends[PEERS];
    int heard, actions, heard_before, late;
};

static void on_read(struct bufferevent *peer, void *arg)
{
    struct scene *scene = arg;
    scene->heard++;
    evbuffer_drain(bufferevent_get_input(peer), 1);
}

static void action(void *arg, int late)
{
    struct scene *scene = arg;
    scene->actions++;
    scene->heard_before = scene->heard;
    scene->late = late;
    event_base_loopbreak(scene->base);
}

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){.base = event_base_new()};
    for (int i = 0; i < PEERS; i++) {
        int pair[2] = {-1, -1};
        CU_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
        scene->ends[i] = pair[1];
        scene->peers[i] = bufferevent_socket_new(scene->base, pair[0], BEV_OPT_CLOSE_ON_FREE |
                                                 BEV_OPT_DEFER_CALLBACKS);
        bufferevent_setcb(scene->peers[i], on_read, NULL, NULL, scene);
        bufferevent_enable(scene->peers[i], EV_READ);
    }
    scene->tick = bp_tick_new(scene->base, action, scene);
    bp_tick_start(scene->tick, PERIOD_MS);
}

static void close_scene(struct scene *scene)
{
    bp_tick_free(scene->tick);
    for (int i = 0; i < PEERS; i++) {
        bufferevent_free(scene->peers[i]);
        close(scene->ends[i]);
    }
    event_base_free(scene->base);
}

/* All have answered while we were away. */
static void answer_and_be_away(struct scene *scene, unsigned ms)
{
    uint64_t end = bp_clock_ms() + ms;
    for (int i = 0; i < PEERS; i++)
        CU_ASSERT(write(scene->ends[i], "x", 1) == 1);
    while (bp_clock_ms() <= end)
        continue;
    event_base_dispatch(scene->base);
}

static void hears_first(void)
{
    struct scene scene;
    open_scene(&scene);
    for (int turn = 1; turn <= 20; turn++) {
        answer_and_be_away(&scene, PERIOD_MS);
        CU_ASSERT(scene.actions == turn && scene.heard_before == turn * PEERS);
    }
    close_scene(&scene);
}

static void late(void)
{
    struct scene scene;
    open_scene(&scene);
    answer_and_be_away(&scene, 10 * PERIOD_MS);
    CU_ASSERT(scene.actions == 1 && !scene.late); /* the first one has nothing to compare with */
    answer_and_be_away(&scene, 10 * PERIOD_MS);
    CU_ASSERT(scene.actions == 2 && scene.late);
    close_scene(&scene);
}

static void stopped(void)
{
    struct scene scene;
    open_scene(&scene);
    bp_tick_stop(scene.tick);
    for (int i = 0; i < PEERS; i++)
        CU_ASSERT(write(scene.ends[i], "x", 1) == 1);
    for (uint64_t end = bp_clock_ms() + 3 * PERIOD_MS; bp_clock_ms() < end;)
        event_base_loop(scene.base, EVLOOP_NONBLOCK);
    CU_ASSERT(scene.actions == 0 && scene.heard == PEERS);
    close_scene(&scene);
    bp_tick_free(NULL);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"who was held up hears first", hears_first},
        {"late", late},
        {"stopped", stopped},
        {NULL, NULL},
    };
    return bp_tap_run("tick", tests);
}
