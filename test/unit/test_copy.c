/* SPDX-License-Identifier: BSD-3-Clause */
/* test_copy.c - bpcp's stream: what may come when; hostile streams stay in their folder; files that
 * get their name at the end, with and without a temporary one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "tap.h"
#include "tools/copy.h"
#include "tools/copy_file.h"

static char folder[] = "/tmp/test_copy.XXXXXX";
static int folder_fd = -1;

static const struct copy_attributes plain = {.mode = 0644};

static int decode(struct copy_state *state, enum copy_type type, uint64_t value,
                  const struct copy_attributes *attributes, const char *name, const char *target)
{
    static struct copy_record record;
    static uint8_t head[COPY_HEAD_BYTES], body[COPY_ATTRIBUTES_BYTES + 300 + 4100];
    size_t length = attributes != NULL ? copy_body_encode(attributes, name, target, body) : 0;
    copy_head_encode(type, (uint32_t)length, value, head);
    return copy_record_decode(state, head, body, &record, NULL);
}

static int decode_data(struct copy_state *state, uint64_t offset, uint32_t length)
{
    static struct copy_record record;
    static uint8_t head[COPY_HEAD_BYTES], body[8];
    copy_head_encode(COPY_DATA, length, offset, head);
    return copy_record_decode(state, head, body, &record, NULL);
}

static void order(void)
{
    struct copy_state s = {0};
    CU_ASSERT_EQUAL(decode_data(&s, 0, 1), -EPROTO); /* in no file */
    CU_ASSERT_EQUAL(decode(&s, COPY_CLOSE, 0, NULL, "", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_LEAVE, 0, NULL, "", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_FOLDER, 0, &plain, "", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_END, 0, NULL, "", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_FILE, 5, &plain, "a", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_LEAVE, 0, NULL, "", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_FOLDER, 0, &plain, "b", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode_data(&s, 7, 3), 0);
    CU_ASSERT_EQUAL(decode_data(&s, 9, 1), -EPROTO); /* backwards */
    CU_ASSERT_EQUAL(decode_data(&s, 10, 0), -EPROTO);
    CU_ASSERT_EQUAL(decode_data(&s, INT64_MAX, 1), -EPROTO);
    CU_ASSERT_EQUAL(decode_data(&s, UINT64_MAX, 8), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_CLOSE, 9, NULL, "", ""), -EPROTO); /* shorter than its data */
    CU_ASSERT_EQUAL(decode(&s, COPY_CLOSE, 12, NULL, "", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_LEAVE, 0, NULL, "", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_END, 0, NULL, "", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_FOLDER, 0, &plain, "", ""), -EPROTO); /* after the end */
}

static void depth(void)
{
    struct copy_state s = {0};
    for (int i = 0; i < COPY_DEPTH_MAX; i++)
        CU_ASSERT_EQUAL(decode(&s, COPY_FOLDER, 0, &plain, i == 0 ? "" : "d", ""), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_FOLDER, 0, &plain, "d", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_FILE, 0, &plain, "d", ""), 0);
}

static void names(void)
{
    static const char *const wrong[] = {"", ".", "..", "/", "a/b", "../x", "/etc/passwd"};
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    struct copy_state top = {0};
    CU_ASSERT_EQUAL(decode(&top, COPY_FILE, 0, &plain, "name", ""), -EPROTO); /* not at the top */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct copy_state s = {.depth = 1};
        CU_ASSERT_EQUAL(decode(&s, COPY_FILE, 0, &plain, wrong[i], ""), -EPROTO);
    }
    struct copy_state s = {.depth = 1};
    CU_ASSERT_EQUAL(decode(&s, COPY_LINK, 256, &plain, longest, "t"), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_LINK, 255, &plain, longest + 1, "t"), 0);
    CU_ASSERT_EQUAL(decode(&s, COPY_LINK, 1, &plain, "l", ""), -EPROTO);
    CU_ASSERT_EQUAL(decode(&s, COPY_LINK, UINT64_MAX, &plain, "l", "t"), -EPROTO);
    struct copy_attributes odd = {.mode = 0100644};
    CU_ASSERT_EQUAL(decode(&s, COPY_FILE, 0, &odd, "f", ""), -EPROTO);
}

/* ---- streams to a folder ---- */

struct stream {
    int fd;
};

static void say(const struct stream *stream, enum copy_type type, uint64_t value,
                uint32_t source, const char *name, const char *target)
{
    uint8_t bytes[COPY_HEAD_BYTES + COPY_ATTRIBUTES_BYTES + 300];
    int entry = type == COPY_FILE || type == COPY_FOLDER || type == COPY_LINK;
    struct copy_attributes attributes = {.mode = 0755, .source = source};
    size_t length = entry ? copy_body_encode(&attributes, name, target, bytes + COPY_HEAD_BYTES) : 0;
    copy_head_encode(type, (uint32_t)length, value, bytes);
    CU_ASSERT_EQUAL(write(stream->fd, bytes, COPY_HEAD_BYTES + length),
                    (ssize_t)(COPY_HEAD_BYTES + length));
}

static struct stream begin(void)
{
    struct stream stream = {.fd = memfd_create("stream", MFD_CLOEXEC)};
    CU_ASSERT_EQUAL(write(stream.fd, COPY_OPENING, COPY_OPENING_BYTES), COPY_OPENING_BYTES);
    return stream;
}

/* Let copy_take have it, with two names; its messages are of no use here. */
static int give(struct stream stream, const char *destination)
{
    static const struct copy_options options = {.recursive = 1};
    char *given[] = {(char *)"one", (char *)"two"};
    int own = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    lseek(stream.fd, 0, SEEK_SET);
    int r = copy_take(stream.fd, destination, given, 2, &options);
    dup2(own, STDERR_FILENO);
    close(own);
    close(nowhere);
    close(stream.fd);
    return r;
}

/* A link that came first leads nowhere for what comes after it. */
static void hostile(void)
{
    auto_free char *in = bp_format("%s/in", folder);
    struct stream s = begin();
    mkdirat(folder_fd, "in", 0755);
    mkdirat(folder_fd, "out", 0755);
    say(&s, COPY_FOLDER, 0, 0, "", "");
    say(&s, COPY_LINK, 1, 0, "l", "../../out");
    say(&s, COPY_FOLDER, 0, 0, "l", "");
    say(&s, COPY_FILE, 0, 0, "evil", "");
    say(&s, COPY_CLOSE, 0, 0, "", "");
    say(&s, COPY_LEAVE, 0, 0, "", "");
    say(&s, COPY_FILE, 0, 0, "good", "");
    say(&s, COPY_CLOSE, 3, 0, "", "");
    say(&s, COPY_LEAVE, 0, 0, "", "");
    say(&s, COPY_END, 0, 0, "", "");
    CU_ASSERT_EQUAL(give(s, in), 1);
    CU_ASSERT_EQUAL(faccessat(folder_fd, "out/evil", F_OK, 0), -1);
    CU_ASSERT_EQUAL(faccessat(folder_fd, "in/one/good", F_OK, 0), 0);
    s = begin();
    say(&s, COPY_FILE, 0, 2, "", ""); /* nobody asked for a third source */
    CU_ASSERT_EQUAL(give(s, in), 1);
    s = begin();
    say(&s, COPY_FILE, 0, 1, "", ""); /* ends in the middle */
    CU_ASSERT_EQUAL(give(s, in), 1);
    CU_ASSERT_EQUAL(faccessat(folder_fd, "in/two", F_OK, 0), -1);
    s = begin();
    say(&s, COPY_FILE, 0, 1, "", "");
    say(&s, COPY_DROP, 0, 0, "", ""); /* the sender could not read it: its business */
    say(&s, COPY_END, 0, 0, "", "");
    CU_ASSERT_EQUAL(give(s, in), 0);
    CU_ASSERT_EQUAL(faccessat(folder_fd, "in/two", F_OK, 0), -1);
    s.fd = memfd_create("other", MFD_CLOEXEC);
    CU_ASSERT_EQUAL(write(s.fd, "bpcopy9\n", 8), 8);
    CU_ASSERT_EQUAL(give(s, in), 1);
}

/* ---- files ---- */

static int count_files(void)
{
    auto_free char *command = bp_format("exit $(ls -A %s/files | wc -l)", folder);
    return system(command) >> 8;
}

static void files(int named)
{
    struct copy_file file;
    struct stat st;
    mkdirat(folder_fd, "files", 0755);
    auto_close int where = openat(folder_fd, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "f", named), 0);
    CU_ASSERT_EQUAL(faccessat(where, "f", F_OK, 0), -1);
    CU_ASSERT_EQUAL(count_files(), named);
    CU_ASSERT_EQUAL(copy_file_write(&file, 2, "abc", 3), 0);
    CU_ASSERT_EQUAL(copy_file_finish(&file, 9, &plain, 0), 0);
    CU_ASSERT(fstatat(where, "f", &st, 0) == 0 && st.st_size == 9);
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "f", named), 0); /* in its place */
    CU_ASSERT_EQUAL(copy_file_finish(&file, 1, &plain, 1), 0);
    CU_ASSERT(fstatat(where, "f", &st, 0) == 0 && st.st_size == 1 && st.st_mtime == 0);
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "f", named), 0);
    copy_file_drop(&file);
    CU_ASSERT(fstatat(where, "f", &st, 0) == 0 && st.st_size == 1);
    CU_ASSERT_EQUAL(copy_link_make(where, "f", "there", &plain, 1), 0);
    CU_ASSERT(fstatat(where, "f", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "f", named), 0); /* not where the link leads */
    CU_ASSERT_EQUAL(copy_file_finish(&file, 4, &plain, 0), 0);
    CU_ASSERT_EQUAL(faccessat(where, "there", F_OK, 0), -1);
    mkdirat(where, "d", 0755);
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "d", named), -EISDIR);
    CU_ASSERT_EQUAL(copy_link_make(where, "d", "x", &plain, 0), -EISDIR);
    mknodat(where, "p", S_IFIFO | 0600, 0);
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "p", named), -EEXIST);
    symlinkat("p", where, "l");
    CU_ASSERT_EQUAL(copy_file_open(&file, where, "l", named), -EEXIST);
    CU_ASSERT_EQUAL(count_files(), 4);
    unlinkat(where, "f", 0);
    unlinkat(where, "l", 0);
    unlinkat(where, "p", 0);
    unlinkat(where, "d", AT_REMOVEDIR);
}

static void nameless_files(void)
{
    files(0);
}

static void named_files(void)
{
    files(1);
}

static void base_names(void)
{
    static const char *const pairs[][2] = {
        {"a", "a"}, {"a/b", "b"}, {"a/b//", "b"}, {"/", "."}, {"", "."}, {".", "."}, {"a/.", "."},
        {"..", "."}, {"a/..", "."}, {"/x", "x"}, {"...", "..."}, {"a/.b", ".b"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        auto_free char *name = copy_base_name(pairs[i][0]);
        CU_ASSERT_STRING_EQUAL(name, pairs[i][1]);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"what may come when", order},
        {"folders in folders have an end", depth},
        {"names are components", names},
        {"hostile streams stay in their folder", hostile},
        {"files without a name until they are whole", nameless_files},
        {"files with a temporary name", named_files},
        {"the last component of a path", base_names},
        {NULL, NULL},
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = bp_tap_run("copy", tests);
    auto_free char *command = bp_format("rm -rf %s", folder);
    return system(command) != 0 || r != 0;
}
