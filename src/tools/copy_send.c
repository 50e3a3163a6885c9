/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_send.c - files and folders to a stream of copy_record.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/copy.h"
#include "tools/copy_progress.h"
#include "tools/copy_record.h"

struct sender {
    int out;
    int broken; /* -errno: nobody takes it any more */
    int failed;
    const struct copy_options *options;
    struct copy_progress progress;
    uint32_t source;
    unsigned depth;
    uint8_t bytes[COPY_HEAD_BYTES + COPY_DATA_MAX]; /* a record on its way */
};

struct entry {
    int folder;
    const char *name; /* in it */
    const char *path; /* for people */
};

static void send_entry(struct sender *sender, const struct entry *entry);

/* ---- records ---- */

/* The body stands in sender->bytes already. */
static void put(struct sender *sender, enum copy_type type, uint32_t length, uint64_t value)
{
    size_t done = 0, all = COPY_HEAD_BYTES + length;
    copy_head_encode(type, length, value, sender->bytes);
    while (sender->broken == 0 && done < all) {
        ssize_t now = write(sender->out, sender->bytes + done, all - done);
        if (now >= 0)
            done += (size_t)now;
        else if (errno != EINTR)
            sender->broken = -errno;
    }
}

static void put_entry(struct sender *sender, enum copy_type type, const struct stat *st,
                      const char *name, const char *target)
{
    struct copy_attributes attributes;
    if (sender->depth == 0)
        name = ""; /* the receiver knows it */
    copy_attributes_of(st, sender->depth == 0 ? sender->source : 0, &attributes);
    size_t length =
        copy_body_encode(&attributes, name, target, sender->bytes + COPY_HEAD_BYTES);
    put(sender, type, (uint32_t)length,
        type == COPY_LINK ? strlen(name) : type == COPY_FILE ? (uint64_t)st->st_size : 0);
}

static void fail(struct sender *sender, const char *path, const char *what, int error)
{
    copy_progress_clear(&sender->progress);
    copy_say(path, what, error);
    sender->failed = 1;
}

/* ---- a file ---- */

/* Send from `from` up to `to` or the end of the file: 0, 1 = that is the end, or -errno. */
static int send_data(struct sender *sender, int fd, uint64_t from, uint64_t to,
                     uint64_t *ret_end)
{
    int r = 0;
    while (sender->broken == 0 && r == 0 && from < to) {
        size_t most = to - from < COPY_DATA_MAX ? (size_t)(to - from) : COPY_DATA_MAX;
        ssize_t got = read(fd, sender->bytes + COPY_HEAD_BYTES, most);
        if (got > 0) {
            put(sender, COPY_DATA, (uint32_t)got, from);
            copy_progress_bytes(&sender->progress, from, (uint64_t)got);
            from += (uint64_t)got;
        } else if (got == 0) {
            r = 1;
        } else if (errno != EINTR) {
            r = -errno;
        }
    }
    *ret_end = from;
    return r;
}

/* The next piece that is no hole, from `at` on. 1 = there is none. A file without a size (in /proc)
 * and file systems without holes are one piece. */
static int next_piece(int fd, const struct stat *st, uint64_t at, uint64_t *ret_from,
                      uint64_t *ret_to)
{
    off_t from = st->st_size > 0 ? lseek(fd, (off_t)at, SEEK_DATA) : -1;
    off_t to = from >= 0 ? lseek(fd, from, SEEK_HOLE) : -1;
    if (from < 0 && st->st_size > 0 && errno == ENXIO)
        return 1;
    *ret_from = from >= 0 ? (uint64_t)from : at;
    *ret_to = to >= 0 ? (uint64_t)to : INT64_MAX;
    if (from >= 0 && lseek(fd, from, SEEK_SET) < 0)
        return -errno;
    return 0;
}

/* What is in the file now, with its holes left out. *ret_size: its size. */
static int send_pieces(struct sender *sender, int fd, const struct stat *st, uint64_t *ret_size)
{
    uint64_t at = 0, from, to;
    int r = 0, hole = 1;
    while (r == 0 && sender->broken == 0) {
        r = next_piece(fd, st, at, &from, &to);
        if (r == 1)
            break;
        if (r == 0)
            r = send_data(sender, fd, from, to, &at);
        hole = r == 0;
    }
    struct stat now;
    if (hole && fstat(fd, &now) == 0 && (uint64_t)now.st_size > at)
        at = (uint64_t)now.st_size; /* it ends in a hole */
    *ret_size = at;
    return r < 0 ? r : 0;
}

static void send_file(struct sender *sender, const struct entry *entry)
{
    struct stat st;
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (sender->options->recursive)
        flags |= O_NOFOLLOW;
    auto_close int fd = openat(entry->folder, entry->name, flags);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail(sender, entry->path, "", errno);
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        fail(sender, entry->path, "is not a file any more: left out", 0);
        return;
    }
    uint64_t size;
    copy_progress_file(&sender->progress, entry->path, (uint64_t)st.st_size);
    put_entry(sender, COPY_FILE, &st, entry->name, "");
    int r = send_pieces(sender, fd, &st, &size);
    if (r < 0)
        fail(sender, entry->path, "cannot be read", -r);
    put(sender, r < 0 ? COPY_DROP : COPY_CLOSE, 0, r < 0 ? 0 : size);
}

/* ---- folders and links ---- */

static void send_content(struct sender *sender, const struct entry *entry, DIR *listing)
{
    struct dirent *row;
    while (sender->broken == 0 && (errno = 0, row = readdir(listing)) != NULL) {
        if (strcmp(row->d_name, ".") == 0 || strcmp(row->d_name, "..") == 0)
            continue;
        auto_free char *path = bp_format("%s/%s", entry->path, row->d_name);
        send_entry(sender, &(struct entry){.folder = dirfd(listing), .name = row->d_name,
                                           .path = path});
    }
    if (sender->broken == 0 && errno != 0)
        fail(sender, entry->path, "cannot be read", errno);
}

static void send_folder(struct sender *sender, const struct entry *entry)
{
    struct stat st;
    if (sender->depth == COPY_DEPTH_MAX) {
        fail(sender, entry->path, "is too deep in other folders: left out", 0);
        return;
    }
    auto_close int fd = openat(entry->folder, entry->name,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd < 0 || fstat(fd, &st) < 0 ? NULL : fdopendir(fd);
    if (listing == NULL) {
        fail(sender, entry->path, "", errno);
        return;
    }
    fd = -1; /* the listing's now */
    put_entry(sender, COPY_FOLDER, &st, entry->name, "");
    sender->depth++;
    send_content(sender, entry, listing);
    sender->depth--;
    put(sender, COPY_LEAVE, 0, 0);
    closedir(listing);
}

static void send_link(struct sender *sender, const struct entry *entry, const struct stat *st)
{
    char target[COPY_TARGET_MAX + 2];
    ssize_t length = readlinkat(entry->folder, entry->name, target, sizeof target);
    if (length <= 0 || length > (ssize_t)COPY_TARGET_MAX) {
        fail(sender, entry->path, "", length < 0 ? errno : ENAMETOOLONG);
        return;
    }
    target[length] = '\0';
    put_entry(sender, COPY_LINK, st, entry->name, target);
}

/* Without -r a link that was asked for means what it leads to. */
static void send_entry(struct sender *sender, const struct entry *entry)
{
    struct stat st;
    int recursive = sender->options->recursive;
    if (fstatat(entry->folder, entry->name, &st, recursive ? AT_SYMLINK_NOFOLLOW : 0) < 0)
        fail(sender, entry->path, "", errno);
    else if (S_ISREG(st.st_mode))
        send_file(sender, entry);
    else if (S_ISDIR(st.st_mode) && recursive)
        send_folder(sender, entry);
    else if (S_ISDIR(st.st_mode))
        fail(sender, entry->path, "is a folder (-r copies it): left out", 0);
    else if (S_ISLNK(st.st_mode))
        send_link(sender, entry, &st);
    else
        fail(sender, entry->path, "is no file, folder or link: left out", 0);
}

int copy_send(int out, char *const *paths, unsigned count, const struct copy_options *options)
{
    struct sender *sender = bp_calloc(1, sizeof *sender);
    *sender = (struct sender){.out = out, .options = options,
                              .progress = {.show = options->show}};
    if (write(out, COPY_OPENING, COPY_OPENING_BYTES) != COPY_OPENING_BYTES)
        sender->broken = -EPIPE;
    for (sender->source = 0; sender->source < count && sender->broken == 0; sender->source++) {
        const char *path = paths[sender->source];
        send_entry(sender, &(struct entry){.folder = AT_FDCWD, .name = path, .path = path});
    }
    put(sender, COPY_END, 0, 0);
    copy_progress_clear(&sender->progress);
    int r = sender->broken != 0 ? sender->broken : sender->failed;
    free(sender);
    return r;
}
