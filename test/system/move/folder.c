/* SPDX-License-Identifier: BSD-3-Clause */
/* folder.c - the working directory and the umask. */
#include <stdlib.h>
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
    char folder[] = "/tmp/moveXXXXXX", now[4096];
    CHECK(mkdtemp(folder) != NULL, "%m");
    MUST(chdir(folder));
    umask(0137);
    hop(spoil);
    CHECK(getcwd(now, sizeof now) != NULL && strcmp(now, folder) == 0, "in %s, was in %s", now,
          folder);
    CHECK(umask(0) == 0137, "the umask");
    MUST(rmdir(folder));
    return 0;
}
