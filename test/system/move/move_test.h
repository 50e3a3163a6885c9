/* SPDX-License-Identifier: BSD-3-Clause */
/* move_test.h - for programs that set up one state, move, and judge themselves.
 *
 * A program sets its state up, calls hop() once or more, and checks the state after. It exits with
 * 0 when all is right; else with 3 and a sentence on stderr. What hop() does stands in MOVE_HOP:
 *
 *   stay   nothing
 *   spoil  calls spoil(), which does to the state what a bad restore would: the program must fail
 *   dump   the process writes itself to the file MOVE_IMAGE and ends with HOP_DUMPED; move_driver
 *          restores it with the same PID
 *   copy   a copy of the process goes on, with another PID, as after fork; the first waits for it
 *          and ends as it did
 *
 *   rfork, vrfork, move, bproc_dump
 *          as libbproc does it; MOVE_CLUSTER names cluster.so
 *
 * MOVE_PAGEMAP=1: capture as on a kernel without PAGEMAP_SCAN. */
#ifndef BP_MOVE_TEST_H
#define BP_MOVE_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hop {
    HOP_STAYED, /* the same process */
    HOP_MOVED,  /* the same PID, and all that a process keeps when it moves */
    HOP_COPIED, /* what a child has after fork */
    HOP_REFUSED, /* the same process: hop_try() only */
};

enum { HOP_WRONG = 3, HOP_DUMPED = 75, HOP_SKIPPED = 77 };

enum hop hop(void (*spoil)(void));

/* The same where the process may have what cannot travel. */
enum hop hop_try(void (*spoil)(void));

/* Whether the process is on a node after hop(), where other files are. */
bool hop_is_far(void);

/* hop() for scripts: a Lua function, or through ctypes and the like. Returns 0. */
int hop_here(void *unused);

/* Ends the program: a line on stderr. */
__attribute__((noreturn, format(printf, 4, 5))) void
move_wrong(const char *file, int line, const char *condition, const char *format, ...);
__attribute__((noreturn)) void move_skip(const char *reason);

#define CHECK(condition, ...)                                             \
    do {                                                                  \
        if (!(condition))                                                 \
            move_wrong(__FILE__, __LINE__, #condition, __VA_ARGS__);      \
    } while (0)

/* For calls that return -1 and set errno. */
#define MUST(call) CHECK((call) != -1, "%m")

/* Bytes that look random, the same for the same seed; and whether they are there. */
void move_fill(void *memory, size_t bytes, uint64_t seed);
bool move_filled(const void *memory, size_t bytes, uint64_t seed);

/* The line of /proc/self/maps that holds the address, without its newline; "" when none does. */
void move_area(const void *address, char *line, size_t bytes);

/* Whether a read (or write) at the address is a segmentation fault. */
bool move_faults(volatile char *address, bool write);

#ifdef __cplusplus
}
#endif
#endif
