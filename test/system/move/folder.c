/* SPDX-License-Identifier: BSD-3-Clause */
/* folder.c - the working directory and the umask. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "move_test.h"

static void spoil(void)
{
    MUST(chdir("/"));
}

int main(void)
{
    static const char folder[] = "/usr/lib"; /* is everywhere */
    char now[4096];
    MUST(chdir(folder));
    umask(0137);
    hop(spoil);
    CHECK(umask(0) == 0137, "the umask");
    CHECK(getcwd(now, sizeof now) != NULL && strcmp(now, folder) == 0, "in %s, was in %s", now,
          folder);
    return 0;
}
