/* SPDX-License-Identifier: BSD-3-Clause */
/* test_space_order.c - SETUP and CREATE taken apart, right and wrong ones, and random ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodeagent/space_order.h"
#include "tap.h"

static struct bp_space_packet packet;

static struct bp_space_job a_job(void)
{
    static char *argv[] = {(char *)"prog", NULL};
    static char *envp[] = {(char *)"A=1", (char *)"AB=2", (char *)"A", NULL};
    return (struct bp_space_job){
        .argc = 1,
        .envc = 3,
        .argv = argv,
        .envp = envp,
        .cwd = "/",
        .pid_max = 32768,
    };
}

/* A CREATE of these strings, with 3 descriptors. */
static void fill(struct bp_space_create create, const char *strings, uint32_t size)
{
    create.string_bytes = size;
    memcpy(packet.payload, &create, sizeof create);
    memcpy(packet.payload + sizeof create, strings, size);
    packet.record = (struct bp_space_record){
        .type = BP_SPACE_CREATE, .serial = 7, .length = (uint32_t)sizeof create + size};
    packet.nfds = 3;
}

static void cut(void)
{
    char bytes[] = "a\0\0bc";
    char *vector[5];
    CU_ASSERT_EQUAL(bp_space_strings_cut(bytes, sizeof bytes, 3, vector), 0);
    CU_ASSERT_STRING_EQUAL(vector[2], "bc");
    CU_ASSERT_PTR_NULL(vector[3]);
    CU_ASSERT_EQUAL(bp_space_strings_cut(bytes, sizeof bytes, 2, vector), -EPROTO);
    CU_ASSERT_EQUAL(bp_space_strings_cut(bytes, sizeof bytes, 4, vector), -EPROTO);
    CU_ASSERT_EQUAL(bp_space_strings_cut(bytes, sizeof bytes - 1, 3, vector), -EPROTO);
    CU_ASSERT_EQUAL(bp_space_strings_cut(bytes, 0, 0, vector), 0);
}

static void merge(void)
{
    struct bp_space_job job = a_job();
    struct bp_space_order order;
    char **argv, **envp, **room;
    fill((struct bp_space_create){.envc = 2}, "A=x\0N=", 7);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT_EQUAL(bp_space_order_vectors(&order, &job, &argv, &envp, &room), 0);
    CU_ASSERT_STRING_EQUAL(argv[0], "prog");
    CU_ASSERT_STRING_EQUAL(envp[0], "AB=2");
    CU_ASSERT_STRING_EQUAL(envp[1], "A=x");
    CU_ASSERT_STRING_EQUAL(envp[2], "N=");
    CU_ASSERT_PTR_NULL(envp[3]);
    free(room);
    fill((struct bp_space_create){.argc = 2, .envc = 1}, "x\0\0AB=3", 8);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT_EQUAL(bp_space_order_vectors(&order, &job, &argv, &envp, &room), 0);
    CU_ASSERT_STRING_EQUAL(argv[1], "");
    CU_ASSERT_PTR_NULL(argv[2]);
    CU_ASSERT_STRING_EQUAL(envp[2], "AB=3");
    free(room);
}

static void directory(void)
{
    struct bp_space_job job = a_job();
    struct bp_space_order order;
    char **argv, **envp, **room;
    fill((struct bp_space_create){.argc = 1, .envc = 1, .has_cwd = 1}, "x\0A=3\0/usr", 11);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT_EQUAL(bp_space_order_vectors(&order, &job, &argv, &envp, &room), 0);
    CU_ASSERT_STRING_EQUAL(bp_space_order_cwd(&order, &job), "/usr");
    CU_ASSERT_PTR_NULL(argv[1]);
    CU_ASSERT_STRING_EQUAL(envp[1], "A=3");
    CU_ASSERT_PTR_NULL(envp[2]);
    free(room);
    fill((struct bp_space_create){.has_cwd = 1}, "", 1);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT_STRING_EQUAL(bp_space_order_cwd(&order, &job), "");
    fill((struct bp_space_create){.argc = 1}, "x", 2);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT_PTR_EQUAL(bp_space_order_cwd(&order, &job), job.cwd);
    fill((struct bp_space_create){.has_cwd = 1}, "", 0); /* it is not there */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    fill((struct bp_space_create){.has_cwd = 2}, "\0/", 3);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
}

static void refuse(void)
{
    struct bp_space_job job = a_job();
    struct bp_space_order order;
    fill((struct bp_space_create){.argc = 1}, "true", 5);
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    packet.record.pid = 32768;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EOVERFLOW);
    packet.record.pid = 1;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.pid = 0;
    packet.record.flags = 32;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.flags = BP_SPACE_SELF; /* of no image */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.flags = BP_SPACE_IMAGE; /* without a descriptor */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.flags = BP_SPACE_HELPER; /* not an absolute path */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.flags = 0;
    packet.nfds = 2;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.nfds = 3;
    packet.record.length = sizeof(struct bp_space_create) - 1;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
}

/* Small random numbers in the places of the counts: whatever is taken must stay in its bounds,
 * which the sanitizers watch. */
static void image(void)
{
    struct bp_space_job job = a_job();
    struct bp_space_order order;
    fill((struct bp_space_create){.extra_fds = 1}, "", 0);
    packet.nfds = 4;
    packet.record.flags = BP_SPACE_IMAGE | BP_SPACE_SELF;
    packet.record.value = 11;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT(order.image && order.self && order.result == 11 && order.nfds == 4);
    packet.record.flags = BP_SPACE_TERMINAL | BP_SPACE_HELPER;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    packet.record.flags = BP_SPACE_IMAGE | BP_SPACE_HELPER;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
}

/* An image that is not whole comes with a gate before it. */
static void gate(void)
{
    struct bp_space_job job = a_job();
    struct bp_space_order order;
    fill((struct bp_space_create){.extra_fds = 2}, "", 0);
    packet.nfds = 5;
    packet.record.flags = BP_SPACE_IMAGE | BP_SPACE_GATE;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT(order.image && order.gate && order.nfds == 5);
    packet.record.flags = BP_SPACE_IMAGE;
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), 0);
    CU_ASSERT(!order.gate);
    packet.record.flags = BP_SPACE_GATE; /* of no image */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
    fill((struct bp_space_create){.extra_fds = 1}, "", 0);
    packet.nfds = 4;
    packet.record.flags = BP_SPACE_IMAGE | BP_SPACE_GATE; /* one of them is missing */
    CU_ASSERT_EQUAL(bp_space_order_read(&job, &packet, &order), -EPROTO);
}

static void random_orders(void)
{
    struct bp_space_job job = a_job();
    unsigned taken = 0;
    srandom(1);
    for (int round = 0; round < 200000; round++) {
        struct bp_space_create create = {.argc = (uint32_t)random() % 4,
                                         .envc = (uint32_t)random() % 4,
                                         .cpu_bytes =
                                             random() % 4 == 0 ? (uint32_t)random() % 8 : 0};
        char strings[16];
        uint32_t size = (uint32_t)random() % sizeof strings;
        for (uint32_t i = 0; i < size; i++)
            strings[i] = "\0\0=A"[random() % 4];
        fill(create, strings, size);
        if (random() % 8 == 0)
            packet.payload[random() % 32] = (uint8_t)random();
        struct bp_space_order order;
        char **argv, **envp, **room;
        if (bp_space_order_read(&job, &packet, &order) != 0)
            continue;
        taken++;
        CU_ASSERT_EQUAL_FATAL(bp_space_order_vectors(&order, &job, &argv, &envp, &room), 0);
        free(room);
    }
    CU_ASSERT(taken > 1000);
}

static int strings_file(uint32_t argc, uint32_t envc, uint32_t bytes, const char *strings,
                        size_t size)
{
    struct bp_space_strings header = {.argc = argc, .envc = envc, .bytes = bytes};
    int fd = memfd_create("strings", MFD_CLOEXEC);
    if (write(fd, &header, sizeof header) < 0 || write(fd, strings, size) < 0)
        abort();
    return fd;
}

/* What bp_space_job_read says to this file of strings; an accepted job must be ("p", "A=1", "/").
 */
static int read_job(int fd)
{
    struct bp_space_job job = {.argc = 0};
    struct bp_space_setup setup = {.version = BP_SPACE_VERSION, .lease_ms = 1};
    packet.record = (struct bp_space_record){.length = sizeof setup};
    memcpy(packet.payload, &setup, sizeof setup);
    packet.fds[0] = fd;
    packet.nfds = 1;
    int r = bp_space_job_read(&job, &packet, NULL);
    close(fd);
    if (r < 0)
        return r;
    CU_ASSERT_STRING_EQUAL(job.argv[0], "p");
    CU_ASSERT_STRING_EQUAL(job.envp[0], "A=1");
    CU_ASSERT_STRING_EQUAL(job.cwd, "/");
    CU_ASSERT_STRING_EQUAL(job.program, "q");
    bp_space_job_done(&job);
    return r;
}

static unsigned mappings(void)
{
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    for (int c; maps != NULL && (c = getc(maps)) != EOF;)
        count += c == '\n';
    if (maps != NULL)
        fclose(maps);
    return count;
}

/* Guests bring files again and again. */
static void settings(void)
{
    static const char strings[] = "p\0A=1\0/\0q\0002 0 0 0 x";
    struct bp_space_strings header = {.argc = 1, .envc = 1, .bytes = sizeof strings, .files = 1};
    struct bp_space_setup setup = {.version = BP_SPACE_VERSION, .lease_ms = 1};
    struct bp_space_job job = {.argc = 0};
    struct bp_error err = {0};
    unsigned before = 0;
    int fd = memfd_create("strings", MFD_CLOEXEC);
    if (write(fd, &header, sizeof header) < 0 || write(fd, strings, sizeof strings) < 0)
        CU_FAIL("memory file");
    packet.record = (struct bp_space_record){.length = sizeof setup};
    memcpy(packet.payload, &setup, sizeof setup);
    packet.fds[0] = fd;
    packet.nfds = 1;
    CU_ASSERT_EQUAL(bp_space_job_read(&job, &packet, &err), 0);
    for (int i = 0; i < 100; i++) {
        before = i == 10 ? mappings() : before;
        CU_ASSERT_EQUAL(bp_space_job_change(&job, &packet, &err), 0);
    }
    CU_ASSERT(mappings() <= before + 2);
    CU_ASSERT(job.file_count == 1 && job.files[0].fd == 2);
    bp_space_job_done(&job);
    close(fd);
}

static void files(void)
{
    static const char *const wrong[] = {
        "", "0", "0 0 0 0", "0 0 0 0 ", "1048576 0 0 0 x", "-1 0 0 0 x", "0 0 512 0 x", "0 -1 0 0 x",
        "0 0 0 -1 x", "0 0 0 99999999999999999999 x", "0  0 0 0 x", "+0 0 0 0 x", "0 0 0 0x"};
    struct bp_space_file file;
    CU_ASSERT_EQUAL(bp_space_file_read("2 577 438 9 a b", &file), 0);
    CU_ASSERT(file.fd == 2 && file.flags == 577 && file.mode == 0666 && file.offset == 9);
    CU_ASSERT_STRING_EQUAL(file.path, "a b");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT_EQUAL(bp_space_file_read(wrong[i], &file), -EPROTO);
}

static void jobs(void)
{
    static const char strings[] = "p\0A=1\0/\0q"; /* 10 bytes with the last NUL */
    CU_ASSERT_EQUAL(read_job(strings_file(1, 1, 10, strings, 10)), 0);
    CU_ASSERT_EQUAL(read_job(strings_file(1, 1, 11, strings, 10)), -EPROTO);
    CU_ASSERT_EQUAL(read_job(strings_file(1, 1, 9, strings, 9)), -EPROTO);
    CU_ASSERT_EQUAL(read_job(strings_file(1, 2, 10, strings, 10)), -EPROTO);
    CU_ASSERT_EQUAL(read_job(strings_file(UINT32_MAX, 3, 8, strings, 8)), -EPROTO);
    CU_ASSERT_EQUAL(read_job(memfd_create("empty", MFD_CLOEXEC)), -EPROTO);
}

/* A peer that ended without reading says ECONNRESET before what it sent: nothing may be lost. */
static void last_words(void)
{
    int pair[2];
    struct bp_space_record record = {.type = BP_SPACE_EXIT, .serial = 5};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    CU_ASSERT_EQUAL(bp_space_send(pair[0], &record, NULL, NULL, 0), 0); /* never read */
    CU_ASSERT_EQUAL(bp_space_send(pair[1], &record, NULL, pair, 2), 0);
    CU_ASSERT_EQUAL(bp_space_receive(pair[0], &packet), 1);
    CU_ASSERT_EQUAL(packet.nfds, 2);
    bp_space_packet_done(&packet);
    CU_ASSERT_EQUAL(bp_space_receive(pair[0], &packet), -EAGAIN);
    CU_ASSERT_EQUAL(bp_space_send(pair[1], &record, NULL, NULL, 0), 0);
    close(pair[1]);
    CU_ASSERT_EQUAL(bp_space_receive(pair[0], &packet), 1);
    CU_ASSERT_EQUAL(packet.record.serial, 5);
    CU_ASSERT_EQUAL(bp_space_receive(pair[0], &packet), 0);
    CU_ASSERT_EQUAL(bp_space_send(pair[0], &record, NULL, NULL, 0), -EPIPE);
    record.length = BP_SPACE_PAYLOAD_MAX + 1;
    CU_ASSERT_EQUAL(bp_space_send(pair[0], &record, NULL, NULL, 0), -EMSGSIZE);
    close(pair[0]);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"strings are cut exactly", cut},
        {"environments merge by name", merge},
        {"a directory in place of the job's", directory},
        {"impossible orders are refused", refuse},
        {"an order with an image", image},
        {"an order with an image that is to come", gate},
        {"random orders", random_orders},
        {"files in place of descriptors", files},
        {"settings of one guest after the other", settings},
        {"a job's strings", jobs},
        {"a peer's last words are read", last_words},
        {NULL, NULL},
    };
    return bp_tap_run("space_order", tests);
}
