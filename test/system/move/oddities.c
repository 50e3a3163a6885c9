/* SPDX-License-Identifier: BSD-3-Clause */
/* oddities.c - mappings that are rare: of /dev/zero, of files that became shorter or cannot be read
 * at the moment, writable code, a memory that is closed for a while, huge pages. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "move_test.h"

enum { PAGE = 4096, BIG = 64 << 20, HUGE_BYTES = 8 << 20, FILE_PAGES = 6 };

static char *zeros, *zeros_shared, *closed, *closed_file, *shorter, *code, *huge;

static void spoil(void)
{
    mprotect(closed, PAGE, PROT_READ | PROT_WRITE);
    memset(closed, 'x', PAGE);
}

static char *map(size_t bytes, int prot, int flags, int fd)
{
    char *at = mmap(NULL, bytes, prot, flags, fd, 0);
    CHECK(at != MAP_FAILED, "%m");
    return at;
}

static void set_zeros(void)
{
    int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    MUST(fd);
    zeros = map(BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd);
    zeros_shared = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    close(fd);
    move_fill(zeros + BIG / 2, PAGE, 1);
    move_fill(zeros_shared + 3 * PAGE, PAGE, 2);
}

/* Two mappings of one file: closed to all access; and with a page that the file has no more. */
static void set_files(void)
{
    static char content[FILE_PAGES * PAGE];
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    MUST(fd);
    move_fill(content, sizeof content, 3);
    MUST(write(fd, content, sizeof content));
    closed_file = map(2 * PAGE, PROT_READ, MAP_PRIVATE, fd);
    MUST(mprotect(closed_file, 2 * PAGE, PROT_NONE));
    shorter = map(FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
    move_fill(shorter + PAGE, PAGE, 4);
    MUST(ftruncate(fd, 3 * PAGE));
    close(fd);
}

static void set_memory(void)
{
    static const unsigned char five[] = {0xb8, 5, 0, 0, 0, 0xc3}; /* mov $5, %eax; ret */
    closed = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    move_fill(closed, PAGE, 5);
    MUST(mprotect(closed, PAGE, PROT_NONE));
    code = map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memcpy(code, five, sizeof five);
    huge = map(HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(huge, HUGE_BYTES, MADV_HUGEPAGE);
    move_fill(huge, HUGE_BYTES, 6);
}

int main(void)
{
    char line[512];
    set_zeros();
    set_files();
    set_memory();
    hop(spoil);
    CHECK(move_filled(zeros + BIG / 2, PAGE, 1) && zeros[0] == 0 && zeros[BIG - 1] == 0, "zeros");
    CHECK(move_filled(zeros_shared + 3 * PAGE, PAGE, 2) && zeros_shared[0] == 0, "shared zeros");
    CHECK(move_faults(closed_file, false), "a closed file is open");
    MUST(mprotect(closed_file, 2 * PAGE, PROT_READ));
    CHECK(move_filled(closed_file, 2 * PAGE, 3), "a file that was closed is another one");
    CHECK(move_filled(shorter, PAGE, 3) && move_filled(shorter + PAGE, PAGE, 4), "a short file");
    CHECK(move_faults(closed, false), "closed memory is open");
    MUST(mprotect(closed, PAGE, PROT_READ));
    CHECK(move_filled(closed, PAGE, 5), "closed memory has other content");
    CHECK(((int (*)(void))(uintptr_t)code)() == 5, "code");
    move_area(code, line, sizeof line);
    CHECK(strstr(line, " rwxp ") != NULL, "%s", line);
    code[1] = 6;
    CHECK(((int (*)(void))(uintptr_t)code)() == 6, "changed code");
    CHECK(move_filled(huge, HUGE_BYTES, 6), "huge pages");
    return 0;
}
