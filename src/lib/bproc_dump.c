/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_dump.c - libbproc: processes as files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "lib/public.h"

#define PROGRAM BP_LIBEXECDIR "/bprestore"
#define PIECE   (1u << 20)

static int write_image(struct bp_image *image, int fd)
{
    struct bp_error err = {0};
    uint64_t bytes = bp_image_bytes(image);
    int r = bp_image_write(image, fd, &err);
    return r < 0 ? r : bytes < INT_MAX ? (int)bytes : INT_MAX;
}

int bproc_dump(int fd, int flags)
{
    auto_free char *libraries = bp_public_libraries(flags);
    struct bp_image_options options = bp_public_options(flags, libraries);
    struct bp_image_mailbox mailbox;
    struct bp_image *image = NULL;
    enum bp_image_role role;
    struct bp_error err = {0};
    options.is_move = true;
    int r = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    if (r < 0 || role == BP_IMAGE_RESTORED)
        return bp_public_result(r);
    r = write_image(image, fd);
    bp_image_free(image);
    return bp_public_result(r);
}

/* Behind the image of a program that has not run: the words and the environment it was given. */
struct vectors {
    uint64_t magic;
    uint32_t argc, envc;
    uint64_t bytes; /* of argc + envc strings that end in 0 */
};
#define VECTORS_MAGIC 0x3143455658495042ULL /* "BPIXVEC1" */
#define VECTORS_MAX   (16u << 20)

static uint64_t strings_bytes(char *const *strings, uint32_t *ret_count)
{
    uint64_t bytes = 0;
    for (*ret_count = 0; strings[*ret_count] != NULL; (*ret_count)++)
        bytes += strlen(strings[*ret_count]) + 1;
    return bytes;
}

static int write_all(int fd, const void *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno != EINTR)
            return -errno;
        bytes = (const char *)bytes + (put > 0 ? put : 0);
        size -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

static int write_vectors(int fd, char *const *argv, char *const *envp)
{
    struct vectors head = {.magic = VECTORS_MAGIC};
    head.bytes = strings_bytes(argv, &head.argc) + strings_bytes(envp, &head.envc);
    if (head.bytes > VECTORS_MAX)
        return -E2BIG;
    int r = write_all(fd, &head, sizeof head);
    for (uint32_t i = 0; r == 0 && i < head.argc; i++)
        r = write_all(fd, argv[i], strlen(argv[i]) + 1);
    for (uint32_t i = 0; r == 0 && i < head.envc; i++)
        r = write_all(fd, envp[i], strlen(envp[i]) + 1);
    return r;
}

int bproc_execdump(int fd, int flags, const char *cmd, char *const argv[], char *const envp[])
{
    auto_free char *libraries = bp_public_libraries(flags);
    struct bp_image_options options = bp_public_options(flags, libraries);
    struct bp_image_program program = {
        .path = cmd, .argv = argv, .envp = envp, .kind = BP_IMAGE_LD};
    struct bp_image *image = NULL;
    struct bp_error err = {0};
    int r = bp_image_capture_exec(&options, &program, &image, &err);
    if (r == 0)
        r = write_image(image, fd);
    bp_image_free(image);
    int more = r > 0 ? write_vectors(fd, argv, envp) : 0;
    return bp_public_result(more < 0 ? more : r);
}

/* ---- and back ---- */

struct dump {
    int fd; /* the image alone; stays open at an exec */
    char *strings;
    char **words; /* of bprestore: its name, its numbers, those of the dump, NULL */
    char **envp;
};

static void dump_done(struct dump *dump)
{
    if (dump->fd >= 0)
        close(dump->fd);
    free(dump->strings);
    free(dump->words);
}

/* From the strings to vectors; the numbers come later. */
static int cut(struct dump *dump, const struct vectors *head)
{
    uint64_t at = 0, count = (uint64_t)head->argc + head->envc, i = 0;
    dump->words = calloc(count + 4, sizeof *dump->words);
    if (dump->words == NULL)
        return -ENOMEM;
    dump->envp = dump->words + head->argc + 3;
    for (; i < count && at < head->bytes; i++) {
        (i < head->argc ? dump->words + 2 : dump->envp - head->argc)[i] = dump->strings + at;
        at += strlen(dump->strings + at) + 1;
    }
    return i == count && at == head->bytes ? 0 : -EBADMSG;
}

/* Take what stands behind the image, if anything does, off the file. */
static int read_vectors(struct dump *dump, uint64_t image_bytes, uint64_t file_bytes)
{
    struct vectors head = {.magic = 0};
    if (file_bytes == image_bytes) {
        int r = cut(dump, &head);
        dump->envp = environ;
        return r;
    }
    if (pread(dump->fd, &head, sizeof head, (off_t)image_bytes) != (ssize_t)sizeof head ||
        head.magic != VECTORS_MAGIC || head.bytes > VECTORS_MAX || head.argc > head.bytes ||
        head.envc > head.bytes || image_bytes + sizeof head + head.bytes != file_bytes)
        return -EBADMSG;
    dump->strings = calloc(1, head.bytes + 1);
    if (dump->strings == NULL)
        return -ENOMEM;
    if (pread(dump->fd, dump->strings, head.bytes, (off_t)(image_bytes + sizeof head)) !=
            (ssize_t)head.bytes ||
        ftruncate(dump->fd, (off_t)image_bytes) < 0)
        return -EIO;
    return cut(dump, &head);
}

/* The image in a file that can be read at any place, from what the descriptor has still to give. */
static int as_file(int fd)
{
    auto_close int copy = memfd_create("bpmix-image", MFD_CLOEXEC);
    auto_free char *piece = malloc(PIECE);
    ssize_t got = 1;
    if (copy < 0 || piece == NULL)
        return -ENOMEM;
    while (got > 0) {
        got = read(fd, piece, PIECE);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0 || write_all(copy, piece, (size_t)got) < 0)
            return -EIO;
    }
    int fd_kept = fcntl(copy, F_DUPFD, 3);
    return fd_kept < 0 ? -errno : fd_kept;
}

static int read_dump(struct dump *dump, int fd)
{
    struct bp_image_head head;
    struct bp_error err = {0};
    struct stat st;
    uint64_t bytes;
    dump->fd = as_file(fd);
    if (dump->fd < 0)
        return dump->fd;
    if (fstat(dump->fd, &st) < 0 || pread(dump->fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return -EBADMSG;
    int r = bp_image_head_check(&head, &bytes, &err);
    if (r == 0 && (uint64_t)st.st_size < bytes)
        r = -EBADMSG;
    if (r == 0)
        r = read_vectors(dump, bytes, (uint64_t)st.st_size);
    return r < 0 ? r : bp_image_check(dump->fd, NULL, &err);
}

int bproc_undump(int fd)
{
    char numbers[64];
    struct dump dump = {.fd = -1};
    int r = read_dump(&dump, fd);
    auto_close int report = r == 0 ? memfd_create("bpmix-report", 0) : -1;
    if (r == 0 && report < 0)
        r = -errno;
    if (r == 0) {
        snprintf(numbers, sizeof numbers, "%d,%d,%x,0", dump.fd, report, BP_RESTORE_CWD);
        dump.words[0] = (char *)"bprestore";
        dump.words[1] = numbers;
        execve(PROGRAM, dump.words, dump.envp);
        r = -errno;
    }
    dump_done(&dump);
    return bp_public_result(r);
}
