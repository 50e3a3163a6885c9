/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_take.c - a stream of copy_record.h to files and folders.
 *
 * Everything is named relative to a folder that is open, and no link is followed below the
 * destination: whatever the stream says, it stays in there. What cannot be written is said and
 * passed over; when there is no room at all, it is the end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/copy.h"
#include "tools/copy_file.h"
#include "tools/copy_progress.h"

#define BUFFER_BYTES (256 * 1024)

struct level { /* a folder we are in */
    int fd;
    int made; /* by us: its mode is the source's */
    size_t path_bytes;
    struct copy_attributes attributes;
};

struct taker {
    int in;
    uint8_t *buffer;
    size_t begin, end; /* what was read and not taken yet */
    const struct copy_options *options;
    struct copy_progress progress;
    char *const *names;
    unsigned count;
    int inside;       /* the destination is a folder, everything goes into it */
    char *last;       /* else: the name of the one thing that comes */
    struct copy_state state;
    struct level levels[COPY_DEPTH_MAX + 1]; /* 0 = where the sources go */
    unsigned depth;
    unsigned skipped; /* folders deep in one that could not be made */
    struct copy_file file;
    struct copy_attributes file_attributes;
    int failed, full;
    sigset_t mask; /* of signals, before ours */
    char path[65536 + 4096]; /* where we are, for people */
};

/* ---- reading ---- */

static volatile sig_atomic_t ending; /* the signal that ends us */

static void on_signal(int signal)
{
    ending = signal;
}

/* Signals that end us come while we wait for the stream, and nowhere else: so nothing is left. */
static void take_signals(struct taker *taker)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (sigaction(signals[i], NULL, &old) < 0 || old.sa_handler == SIG_IGN)
            continue;
        sigaddset(&blocked, signals[i]);
        sigaction(signals[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &blocked, &taker->mask);
}

/* Something can be read; 0 = we are to end. */
static int await(const struct taker *taker)
{
    struct pollfd wait = {.fd = taker->in, .events = POLLIN};
    while (ending == 0 && ppoll(&wait, 1, NULL, &taker->mask) < 0 && errno == EINTR)
        ;
    return ending == 0;
}

/* `count` bytes in a row; NULL = the stream is at its end. */
static const uint8_t *need(struct taker *taker, size_t count)
{
    while (taker->end - taker->begin < count) {
        if (taker->begin > 0 && taker->begin + count > BUFFER_BYTES) {
            memmove(taker->buffer, taker->buffer + taker->begin, taker->end - taker->begin);
            taker->end -= taker->begin;
            taker->begin = 0;
        }
        if (!await(taker))
            return NULL;
        ssize_t got = read(taker->in, taker->buffer + taker->end, BUFFER_BYTES - taker->end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NULL;
        taker->end += (size_t)got;
    }
    const uint8_t *bytes = taker->buffer + taker->begin;
    taker->begin += count;
    if (taker->begin == taker->end)
        taker->begin = taker->end = 0;
    return bytes;
}

/* ---- saying ---- */

static void fail(struct taker *taker, const char *what, int error)
{
    copy_progress_clear(&taker->progress);
    copy_say(taker->path, what, error);
    taker->failed = 1;
    taker->full |= error == ENOSPC || error == EDQUOT || error == EIO;
}

/* taker->path is the folder we are in, and this name. */
static void path_set(struct taker *taker, const char *name)
{
    size_t used = taker->levels[taker->depth].path_bytes;
    int slash = used > 0 && taker->path[used - 1] != '/';
    snprintf(taker->path + used, sizeof taker->path - used, "%s%s", slash ? "/" : "", name);
}

/* ---- files ---- */

static void take_file(struct taker *taker, const struct copy_record *record, const char *name)
{
    taker->file_attributes = record->attributes;
    int r = copy_file_open(&taker->file, taker->levels[taker->depth].fd, name, 0);
    if (r == -EEXIST)
        fail(taker, "is there and is no file: left as it is", 0);
    else if (r < 0)
        fail(taker, "", -r);
    else
        copy_progress_file(&taker->progress, taker->path, record->value);
}

static void take_data(struct taker *taker, const struct copy_record *record)
{
    if (taker->file.fd < 0)
        return;
    int r = copy_file_write(&taker->file, record->value, record->data, record->length);
    if (r < 0) {
        fail(taker, "cannot be written", -r);
        copy_file_drop(&taker->file);
        return;
    }
    copy_progress_bytes(&taker->progress, record->value, record->length);
}

static void take_close(struct taker *taker, uint64_t size)
{
    if (taker->file.fd < 0)
        return;
    int r = copy_file_finish(&taker->file, size, &taker->file_attributes,
                             taker->options->preserve);
    if (r < 0)
        fail(taker, "cannot be written", -r);
}

/* ---- folders and links ---- */

/* Owner's rights until all is in it; the real mode comes at the end. */
static int open_folder(int where, const char *name, int *ret_made)
{
    *ret_made = mkdirat(where, name, 0700) == 0;
    if (!*ret_made && errno != EEXIST)
        return -errno;
    int fd = openat(where, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -ENOTDIR : -errno;
    return fd;
}

static void take_folder(struct taker *taker, const struct copy_record *record, const char *name)
{
    int made = 0;
    int fd = taker->skipped > 0 ? -1
                                : open_folder(taker->levels[taker->depth].fd, name, &made);
    if (fd < 0) {
        if (taker->skipped == 0)
            fail(taker, "the folder cannot be made", -fd);
        taker->skipped++;
        return;
    }
    taker->levels[++taker->depth] = (struct level){
        .fd = fd, .made = made, .path_bytes = strlen(taker->path),
        .attributes = record->attributes};
}

static void take_leave(struct taker *taker)
{
    if (taker->skipped > 0) {
        taker->skipped--;
        return;
    }
    struct level *level = &taker->levels[taker->depth];
    int preserve = taker->options->preserve;
    taker->path[level->path_bytes] = '\0';
    if ((level->made || preserve) &&
        fchmod(level->fd, copy_new_mode(&level->attributes, preserve)) < 0)
        fail(taker, "its mode cannot be set", errno);
    if (preserve && futimens(level->fd, level->attributes.times) < 0)
        fail(taker, "its times cannot be set", errno);
    close(level->fd);
    taker->depth--;
}

static void take_link(struct taker *taker, const struct copy_record *record, const char *name)
{
    int r = copy_link_make(taker->levels[taker->depth].fd, name, record->target,
                           &record->attributes, taker->options->preserve);
    if (r == -EEXIST)
        fail(taker, "is there and is no file: left as it is", 0);
    else if (r < 0)
        fail(taker, "", -r);
}

/* ---- the stream ---- */

/* What the record's thing is called here; NULL = no such source. */
static const char *name_of(const struct taker *taker, const struct copy_record *record)
{
    if (record->name[0] != '\0')
        return record->name;
    if (record->attributes.source >= taker->count)
        return NULL;
    return taker->inside ? taker->names[record->attributes.source] : taker->last;
}

static int take_entry(struct taker *taker, const struct copy_record *record)
{
    const char *name = name_of(taker, record);
    if (name == NULL)
        return -EPROTO;
    if (taker->skipped > 0 && record->type != COPY_FOLDER)
        return 0;
    if (taker->skipped == 0)
        path_set(taker, name);
    if (record->type == COPY_FILE)
        take_file(taker, record, name);
    else if (record->type == COPY_FOLDER)
        take_folder(taker, record, name);
    else
        take_link(taker, record, name);
    return 0;
}

static int take_record(struct taker *taker, const struct copy_record *record)
{
    switch (record->type) {
    case COPY_FILE:
    case COPY_FOLDER:
    case COPY_LINK:
        return take_entry(taker, record);
    case COPY_DATA:
        take_data(taker, record);
        return 0;
    case COPY_CLOSE:
        take_close(taker, record->value);
        return 0;
    case COPY_DROP: /* the sender has said why */
        copy_file_drop(&taker->file);
        return 0;
    case COPY_LEAVE:
        take_leave(taker);
        return 0;
    case COPY_END:
        return 0;
    }
    return -EPROTO;
}

/* 0, -ENODATA: the stream ends too early, or -EPROTO. */
static int take_all(struct taker *taker, struct bp_error *err)
{
    struct copy_record *record = bp_calloc(1, sizeof *record);
    int r = 0;
    while (r == 0 && !taker->state.ended && !taker->full) {
        uint8_t head[COPY_HEAD_BYTES];
        uint32_t length = 0;
        const uint8_t *bytes = need(taker, sizeof head);
        if (bytes != NULL) {
            memcpy(head, bytes, sizeof head);
            r = copy_head_length(head, &length, err);
            bytes = r == 0 ? need(taker, length) : NULL;
        }
        if (r == 0 && bytes == NULL)
            r = bp_error_set(err, -ENODATA, "the sender has ended early: not all is here");
        if (r == 0)
            r = copy_record_decode(&taker->state, head, bytes, record, err);
        if (r == 0 && take_record(taker, record) < 0)
            r = bp_error_set(err, -EPROTO, "something comes that was not asked for");
    }
    free(record);
    return r;
}

/* Where things go: into a folder that is there, or under the destination's own name. */
static int open_destination(struct taker *taker, const char *destination)
{
    size_t length = strlen(destination);
    int fd = open(destination, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (taker->options->folder || (errno != ENOENT && errno != ENOTDIR) ||
                   (length > 0 && destination[length - 1] == '/' &&
                    (errno == ENOTDIR || !taker->options->recursive))))
        return -errno;
    taker->inside = fd >= 0;
    if (taker->inside) {
        taker->levels[0] = (struct level){.fd = fd, .path_bytes = length};
        return 0;
    }
    taker->last = copy_base_name(destination);
    auto_free char *folder = bp_strdup(destination);
    char *slash = folder + length;
    while (slash > folder && slash[-1] == '/') /* a/b// */
        slash--;
    while (slash > folder && slash[-1] != '/')
        slash--;
    *slash = '\0';
    fd = open(slash == folder ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    taker->levels[0] = (struct level){.fd = fd, .path_bytes = strlen(folder)};
    return 0;
}

static int take(struct taker *taker, const char *destination)
{
    struct bp_error err = {0};
    const uint8_t *opening = need(taker, COPY_OPENING_BYTES);
    if (opening == NULL)
        return 1; /* the sender has said why */
    if (memcmp(opening, COPY_OPENING, COPY_OPENING_BYTES) != 0) {
        copy_say(destination, "what comes is of another version of bpcp", 0);
        return 1;
    }
    int r = open_destination(taker, destination);
    if (r < 0) {
        copy_say(destination, taker->options->folder ? "must be a folder that is there" : "", -r);
        return 1;
    }
    r = take_all(taker, &err);
    if (taker->file.fd < 0)
        snprintf(taker->path, sizeof taker->path, "%s", destination);
    if (r < 0 && ending == 0)
        fail(taker, err.text, 0);
    copy_file_drop(&taker->file);
    return r < 0 || taker->failed;
}

int copy_take(int in, const char *destination, char *const *names, unsigned count,
              const struct copy_options *options)
{
    struct taker *taker = bp_calloc(1, sizeof *taker);
    taker->in = in;
    taker->options = options;
    taker->progress.show = options->show;
    taker->names = names;
    taker->count = count;
    taker->file.fd = -1;
    taker->levels[0].fd = -1;
    taker->buffer = bp_calloc(1, BUFFER_BYTES);
    snprintf(taker->path, sizeof taker->path, "%s", destination);
    take_signals(taker);
    int r = take(taker, destination);
    copy_progress_clear(&taker->progress);
    for (unsigned i = 0; i <= taker->depth; i++)
        if (taker->levels[i].fd >= 0)
            close(taker->levels[i].fd);
    sigprocmask(SIG_SETMASK, &taker->mask, NULL);
    free(taker->last);
    free(taker->buffer);
    free(taker);
    if (ending != 0) {
        signal(ending, SIG_DFL);
        raise(ending);
    }
    return r;
}
