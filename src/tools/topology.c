/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.c - the hardware of a computer that one has a topology file of. */
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/topology.h"

#define PROGRAM     BP_LIBEXECDIR "/bptopo"
#define PREFIX      "bptopo: error: " /* of its lines on stderr */
#define WORDS_BYTES 400               /* of its last line that are told */

extern char **environ;

static int run_bptopo(const char *path, int out, int words, struct bp_error *err)
{
    char *argv[] = {(char *)PROGRAM, (char *)"--xml", (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
    int r = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return bp_error_set(err, -r, PROGRAM ": %s", strerror(r));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        return bp_error_set(err, -EIO, "%s: bptopo was killed by signal %d", path,
                            WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

/* What it said of the file. */
static int refuse(const char *path, int words, struct bp_error *err)
{
    char text[WORDS_BYTES] = "";
    ssize_t got = pread(words, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *said = strncmp(text, PREFIX, strlen(PREFIX)) == 0 ? text + strlen(PREFIX) : text;
    if (*said != '\0')
        return bp_error_set(err, -EINVAL, "%s", said);
    return bp_error_set(err, -EINVAL, "%s: hwloc cannot read it", path);
}

int topology_file(const char *path, struct bp_hardware *ret, struct bp_error *err)
{
    auto_close int out = memfd_create("bpmix-topology", MFD_CLOEXEC);
    auto_close int words = memfd_create("bpmix-words", MFD_CLOEXEC);
    struct stat st;
    struct bp_error why = {0};
    if (out < 0 || words < 0)
        return bp_error_set(err, -errno, "memory file: %s", strerror(errno));
    int r = run_bptopo(path, out, words, &why);
    if (r < 0 && why.code == 0)
        return refuse(path, words, err);
    if (r < 0)
        return bp_error_set(err, r, "%s", why.text);
    if (fstat(out, &st) < 0 || st.st_size > (off_t)BP_HARDWARE_TEXT_MAX)
        return bp_error_set(err, -E2BIG, "%s: bptopo says too much", path);
    auto_free char *text = bp_calloc(1, (size_t)st.st_size + 1);
    if (pread(out, text, (size_t)st.st_size, 0) != st.st_size)
        return bp_error_set(err, -EIO, "%s: bptopo cannot be read", path);
    r = bp_hardware_parse(text, (size_t)st.st_size, ret, &why);
    return r == 0 ? 0 : bp_error_set(err, r, "%s: %s", path, why.text);
}
