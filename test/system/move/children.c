/* SPDX-License-Identifier: BSD-3-Clause */
/* children.c - no child that the program did not make; fork, vfork, spawn, system and popen after. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "move_test.h"

extern char **environ;

static volatile sig_atomic_t children;

static void spoil(void)
{
    if (fork() == 0)
        _exit(0);
}

static void on_child(int signo)
{
    (void)signo;
    children++;
}

static void check_end(pid_t pid, int wanted)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "%m");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == wanted, "status %x", (unsigned)status);
}

static void check_popen(void)
{
    char word[20] = "";
    FILE *out = popen("echo from a pipe", "r");
    CHECK(out != NULL, "%m");
    CHECK(fscanf(out, "%*s %*s %19s", word) == 1 && strcmp(word, "pipe") == 0, "%s", word);
    CHECK(pclose(out) == 0, "%m");
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGCHLD, &action, NULL));
    hop(spoil);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "there is a child");
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD, "there is a hidden child");
    CHECK(children == 0, "SIGCHLD came");
    pid_t pid = fork();
    if (pid == 0)
        _exit(getppid() > 1 || getpid() != 1 ? 7 : 8);
    MUST(pid);
    check_end(pid, 7);
    pid = vfork();
    if (pid == 0)
        _exit(9);
    check_end(pid, 9);
    char *words[] = {(char *)"sh", (char *)"-c", (char *)"exit 11", NULL};
    CHECK(posix_spawnp(&pid, "sh", NULL, NULL, words, environ) == 0, "posix_spawnp");
    check_end(pid, 11);
    int status = system("exit 12");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 12, "status %x", (unsigned)status);
    check_popen();
    CHECK(children >= 3, "SIGCHLD came %d times", children);
    return 0;
}
