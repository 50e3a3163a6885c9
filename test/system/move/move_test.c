/* SPDX-License-Identifier: BSD-3-Clause */
/* move_test.c - verdicts and patterns of the programs that move. */
#include "move_test.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void move_wrong(const char *file, int line, const char *condition, const char *format, ...)
{
    int code = errno;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    errno = code; /* for %m */
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(2, "%s:%d: wrong: %s: %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line,
            condition, text);
    _exit(HOP_WRONG);
}

void move_skip(const char *reason)
{
    dprintf(2, "skip: %s\n", reason);
    _exit(HOP_SKIPPED);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

void move_fill(void *memory, size_t bytes, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = next(&state);
        memcpy((char *)memory + at, &word, bytes - at < 8 ? bytes - at : 8);
    }
}

bool move_filled(const void *memory, size_t bytes, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = next(&state);
        if (memcmp((const char *)memory + at, &word, bytes - at < 8 ? bytes - at : 8) != 0)
            return false;
    }
    return true;
}

void move_area(const void *address, char *line, size_t bytes)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL, "%m");
    unsigned long start, end;
    while (fgets(line, (int)bytes, maps) != NULL) {
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && (unsigned long)address >= start &&
            (unsigned long)address < end) {
            fclose(maps);
            line[strcspn(line, "\n")] = 0;
            return;
        }
    }
    fclose(maps);
    line[0] = 0;
}

static sigjmp_buf after_fault;

static void on_fault(int signo)
{
    siglongjmp(after_fault, signo);
}

bool move_faults(volatile char *address, bool write)
{
    struct sigaction action = {.sa_handler = on_fault}, before;
    sigemptyset(&action.sa_mask);
    MUST(sigaction(SIGSEGV, &action, &before));
    volatile bool faulted = false;
    if (sigsetjmp(after_fault, 1) == 0) {
        if (write)
            *address = 1;
        else
            (void)*address;
    } else {
        faulted = true;
    }
    MUST(sigaction(SIGSEGV, &before, NULL));
    return faulted;
}
