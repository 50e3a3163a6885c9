/* SPDX-License-Identifier: BSD-3-Clause */
/* code.c - code made by the program: written, then made executable; it runs after. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096 };

static unsigned char *code;

/* mov $n, %eax; ret */
static void write_code(unsigned char *at, int n)
{
    const unsigned char bytes[] = {0xb8, (unsigned char)n, 0, 0, 0, 0xc3};
    memcpy(at, bytes, sizeof bytes);
}

static int run_code(const unsigned char *at)
{
    int (*function)(void);
    memcpy(&function, &at, sizeof function);
    return function();
}

static void spoil(void)
{
    mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* No page is writable and executable but those that were. */
static void check_pages(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL, "%m");
    while (fgets(line, sizeof line, maps) != NULL)
        CHECK(strstr(line, " rwx") == NULL, "%s", line);
    fclose(maps);
}

int main(void)
{
    code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(code != MAP_FAILED, "%m");
    write_code(code, 42);
    write_code(code + PAGE, 43);
    MUST(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
    CHECK(run_code(code) == 42, "the code before");
    hop(spoil);
    check_pages();
    CHECK(run_code(code) == 42, "the code after");
    MUST(mprotect(code + PAGE, PAGE, PROT_READ | PROT_EXEC));
    CHECK(run_code(code + PAGE) == 43, "code made executable after");
    return 0;
}
