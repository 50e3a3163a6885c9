/* SPDX-License-Identifier: BSD-3-Clause */
/* imagestart_init.c - a library to preload: its initialiser does what IMAGESTART_INIT names. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xmmintrin.h>

static int is(const char *name)
{
    const char *wanted = getenv("IMAGESTART_INIT");
    return wanted != NULL && strcmp(wanted, name) == 0;
}

__attribute__((constructor)) static void init(void)
{
    struct utsname name;
    struct stat st;
    if (is("malloc"))
        free(malloc(1 << 20));
    if (is("uname"))
        uname(&name);
    if (is("getpid"))
        (void)!getpid();
    if (is("file"))
        (void)!open("/etc/passwd", O_RDONLY);
    if (is("library"))
        (void)!open(getenv("LD_PRELOAD"), O_RDONLY);
    if (is("stdin"))
        (void)!fstat(0, &st);
    if (is("write"))
        (void)!write(1, "a word\n", 7);
    if (is("handler"))
        signal(SIGUSR1, SIG_IGN);
    if (is("setenv"))
        setenv("IMAGESTART_MORE", "1", 1);
    if (is("change"))
        setenv("IMAGESTART_INIT", "changed", 1);
    if (is("modes"))
        _mm_setcsr(_mm_getcsr() | 0x8040);
    if (is("fork") && fork() == 0)
        _exit(0);
    if (is("exit"))
        _exit(5);
    if (is("hang"))
        for (volatile int turn = 0;; turn = !turn)
            ;
    if (is("fault"))
        *(volatile int *)strtoul("8", NULL, 10) = 1;
}
