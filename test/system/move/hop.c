/* SPDX-License-Identifier: BSD-3-Clause */
/* hop.c - what MOVE_HOP says, at the place where a program calls hop(). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/image.h"
#include "move_test.h"

#define RESTORER BP_LIBEXECDIR "/bprestore"
enum { IMAGE_FD = 100, REPORT_FD = 101 };

static struct bp_error refusal;

/* Capture; NULL on the restored side, and with refusal.code set when it is refused. */
static struct bp_image *capture(bool is_move)
{
    struct bp_image_options options = {
        .is_move = is_move,
        .no_pagemap_scan = getenv("MOVE_PAGEMAP") != NULL,
    };
    struct bp_image *image = NULL;
    struct bp_image_mailbox mailbox;
    enum bp_image_role role;
    struct bp_error err = {0};
    int rc = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    refusal = err;
    if (rc == -EOPNOTSUPP)
        return NULL;
    CHECK(rc == 0, "%s", err.text);
    refusal.code = 0;
    CHECK(role == BP_IMAGE_CAPTURED || mailbox.result == 17, "the restorer said %ld",
          (long)mailbox.result);
    return role == BP_IMAGE_CAPTURED ? image : NULL;
}

static void write_image(struct bp_image *image, int fd)
{
    struct bp_error err = {0};
    CHECK(bp_image_write(image, fd, &err) == 0, "%s", err.text);
    bp_image_free(image);
}

static enum hop dump(void)
{
    struct bp_image *image = capture(true);
    if (image == NULL)
        return refusal.code != 0 ? HOP_REFUSED : HOP_MOVED;
    int fd = open(getenv("MOVE_IMAGE"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "%s: %m", getenv("MOVE_IMAGE"));
    write_image(image, fd);
    _exit(HOP_DUMPED);
}

/* In a new child: become the image. */
__attribute__((noreturn)) static void restore(int image_fd, int report_fd)
{
    extern char **environ;
    char orders[64];
    snprintf(orders, sizeof orders, "%d,%d,%x,17", IMAGE_FD, REPORT_FD, BP_RESTORE_CWD);
    char *words[] = {(char *)"bprestore", orders, NULL};
    MUST(dup2(image_fd, IMAGE_FD));
    MUST(dup2(report_fd, REPORT_FD));
    MUST(close_range(3, IMAGE_FD - 1, 0));
    MUST(close_range(REPORT_FD + 1, ~0U, 0));
    execve(RESTORER, words, environ);
    CHECK(false, "%s: %m", RESTORER);
}

static enum hop copy(void)
{
    struct bp_image *image = capture(false);
    if (image == NULL)
        return refusal.code != 0 ? HOP_REFUSED : HOP_COPIED;
    struct bp_restore_report report = {0};
    int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING), ends[2], status;
    MUST(fd);
    write_image(image, fd);
    MUST(pipe2(ends, O_CLOEXEC));
    pid_t pid = fork();
    MUST(pid);
    if (pid == 0)
        restore(fd, ends[1]);
    close(ends[1]);
    ssize_t got = read(ends[0], &report, sizeof report);
    CHECK(got == 0, "%d: %s", report.code, report.text);
    CHECK(waitpid(pid, &status, 0) == pid, "%m");
    CHECK(WIFEXITED(status), "the copy ended by signal %d", WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

/* The library with the ways of libbproc, opened before the program starts. */
static enum hop (*cluster_hop)(const char *how);

__attribute__((constructor)) static void load_cluster(void)
{
    const char *path = getenv("MOVE_CLUSTER");
    if (path == NULL)
        return;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL, "%s", dlerror());
    cluster_hop = (enum hop (*)(const char *))dlsym(library, "cluster_hop");
    CHECK(cluster_hop != NULL, "%s", dlerror());
}

enum hop hop_try(void (*spoil)(void))
{
    const char *how = getenv("MOVE_HOP");
    CHECK(how != NULL, "MOVE_HOP is not set");
    if (strcmp(how, "stay") == 0)
        return HOP_STAYED;
    if (strcmp(how, "spoil") == 0) {
        if (spoil != NULL)
            spoil();
        return HOP_STAYED;
    }
    if (strcmp(how, "dump") == 0)
        return dump();
    if (strcmp(how, "copy") == 0)
        return copy();
    CHECK(cluster_hop != NULL, "MOVE_HOP=%s", how);
    return cluster_hop(how);
}

enum hop hop(void (*spoil)(void))
{
    enum hop how = hop_try(spoil);
    CHECK(how != HOP_REFUSED, "%s", refusal.text);
    return how;
}

bool hop_is_far(void)
{
    const char *how = getenv("MOVE_HOP");
    return strcmp(how, "move") == 0 || strcmp(how, "onward") == 0 || strcmp(how, "rfork") == 0 ||
           strcmp(how, "vrfork") == 0;
}

int hop_here(void *unused)
{
    (void)unused;
    hop(NULL);
    return 0;
}
