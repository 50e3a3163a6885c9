/* SPDX-License-Identifier: BSD-3-Clause */
/* yama.c - see yama.h and the kernel's Documentation/admin-guide/LSM/Yama.rst. */
#include <fcntl.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yama.h"

int bp_yama_scope(void)
{
    auto_close int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    char digit;
    if (fd < 0 || read(fd, &digit, 1) != 1 || digit < '0' || digit > '9')
        return 0;
    return digit - '0';
}

const char *bp_yama_why(void)
{
    int scope = bp_yama_scope();
    if (scope >= 3)
        return " (kernel.yama.ptrace_scope is 3: nobody may trace here)";
    if (scope == 2 && geteuid() != 0)
        return " (kernel.yama.ptrace_scope is 2: only root may trace here)";
    return "";
}
