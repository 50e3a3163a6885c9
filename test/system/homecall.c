/* SPDX-License-Identifier: BSD-3-Clause */
/* homecall.c - a program on a node that becomes another one at home, or has children there; run by
 * homecall.py. When it is at home first it goes to node 0. FORM is rexec or execmove.
 * homecall run FORM PROGRAM WORD...  : becomes the program; or says why not, where it is.
 * homecall keep FORM                 : with everything that an exec keeps, and shows it at home.
 * homecall show                      : what it has of that; ends with 7.
 * homecall io FORM ADDRESS PORT FILE : with descriptors above 2.
 * homecall lost FORM FILE            : where the file cannot be opened at home.
 * homecall away FORM FOLDER          : from a folder that only the node has.
 * homecall capped FORM               : denies itself new code and rights, and shows what it has of that.
 * homecall caps                      : does.
 * homecall loop FORM COUNT           : to the node and home, so often; ends with 7.
 * homecall hear FORM COUNT           : likewise; each time as a program that has blocked SIGRTMIN, and
 *                                      at the end says how many of them came, when it is told by SIGUSR1.
 * homecall child END                 : a child at home, which ends with the status END, or -SIGNAL.
 * homecall children NODE...          : one on each by vrfork, and by vexecmove.
 * homecall closed                    : a child at home when its node has been closed: after SIGUSR1.
 * homecall talk                      : signals to and from a child at home, which is stopped, too.
 * homecall where                     : where a child at home is, by all calls that know.
 * homecall ignoring                  : as one that ignores SIGCHLD.
 * homecall threads                   : with other threads.
 * homecall many COUNT                : children at home, one after the other.
 * homecall refused                   : why there can be none at home, when it has denied itself new code.
 * homecall left                      : a child at home that waits for a signal when it ends.
 * homecall exec PROGRAM WORD...      : by vexecmove.
 * homecall files FILE                : a child at home with that in the place of its stdout, and with
 *                                      another file as 7; the same by a move. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SET_MDWE = 65, GET_MDWE = 66 }; /* since 6.3 */

static char **own;

static int failed(const char *call)
{
    printf("%s: %s at %d\n", call, strerrorname_np(errno), bproc_currnode());
    return 9;
}

static void go(int node)
{
    if (bproc_currnode() == BPROC_NODE_MASTER && bproc_move(node) < 0)
        exit(failed("move"));
}

static int become(const char *form, char **words)
{
    if (strcmp(form, "rexec") == 0)
        bproc_rexec(BPROC_NODE_MASTER, words[0], words, environ);
    else
        bproc_execmove(BPROC_NODE_MASTER, words[0], words, environ);
    return failed(form);
}

static int again(const char *form, const char *command, const char *count)
{
    char *words[] = {own[0], (char *)command, (char *)form, (char *)count, NULL};
    return become(form, words);
}

static sigset_t with(int first, int second)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    sigaddset(&set, second);
    return set;
}

static void print_set(const char *name, const sigset_t *set)
{
    printf("%s", name);
    for (int signo = 1; signo <= 64; signo++)
        if (sigismember(set, signo) == 1)
            printf(" %d", signo);
    printf("\n");
}

static int do_keep(char **argv)
{
    sigset_t blocked = with(SIGUSR1, SIGRTMIN + 1);
    go(0);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGHUP, exit); /* a handler is not kept */
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 5});
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 6});
    umask(027);
    if (chdir("/usr") < 0 || setpriority(PRIO_PROCESS, 0, 3) < 0)
        return 1;
    setenv("KEPT", "yes", 1);
    return again(argv[0], "show", "");
}

static int do_show(char **argv)
{
    (void)argv;
    char folder[64];
    sigset_t set, ignored;
    siginfo_t info;
    mode_t mask = umask(0);
    sigprocmask(SIG_BLOCK, NULL, &set);
    print_set("blocked", &set);
    sigpending(&set);
    print_set("pending", &set);
    sigemptyset(&ignored);
    for (int signo = 1; signo <= 64; signo++) {
        struct sigaction now;
        if (sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            sigaddset(&ignored, signo);
    }
    print_set("ignored", &ignored);
    for (int i = 0; i < 2; i++) {
        set = with(SIGRTMIN + 1, SIGRTMIN + 1);
        sigwaitinfo(&set, &info);
        printf("value %d\n", info.si_value.sival_int);
    }
    printf("umask %03o nice %d cwd %s env %s node %d\n", mask, getpriority(PRIO_PROCESS, 0),
           getcwd(folder, sizeof folder), getenv("KEPT"), bproc_currnode());
    return 7;
}

static int do_io(char **argv)
{
    static char *words[] = {"/bin/sh", "-c",
                            "read line <&3; echo $line; echo four >&4; echo nine >&9; echo two >&2; "
                            "for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do "
                            "test -e /proc/$$/fd/$fd && echo $fd; done; exit 5", NULL};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[2]))};
    struct bproc_io_t io[5] = {
        {.fd = 9, .type = BPROC_IO_SOCKET},
        {.fd = 3, .type = BPROC_IO_FILE},
        {.fd = 2, .type = BPROC_IO_FILE},
        {.fd = 1, .type = BPROC_IO_FILE},
        {.fd = 4, .type = BPROC_IO_SOCKET, .flags = BPROC_IO_SEND_INFO},
    };
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    memcpy(&io[0].d.addr, &address, sizeof address);
    memcpy(&io[4].d.addr, &address, sizeof address);
    strcpy(io[1].d.file.name, "/proc/sys/kernel/hostname");
    io[3].d.file.flags = O_WRONLY | O_CREAT | O_TRUNC;
    io[3].d.file.mode = 0600;
    strcpy(io[3].d.file.name, argv[3]);
    io[2] = io[3];
    io[2].fd = 2;
    go(0);
    if (strcmp(argv[0], "rexec") == 0)
        bproc_rexec_io(BPROC_NODE_MASTER, io, 5, words[0], words, environ);
    else
        bproc_execmove_io(BPROC_NODE_MASTER, io, 5, words[0], words, environ);
    return failed(argv[0]);
}

static int do_lost(char **argv)
{
    static char *words[] = {"/bin/true", NULL};
    struct bproc_io_t io = {.fd = 5, .type = BPROC_IO_FILE};
    strncpy(io.d.file.name, argv[1], sizeof io.d.file.name - 1);
    go(0);
    if (strcmp(argv[0], "rexec") == 0)
        bproc_rexec_io(BPROC_NODE_MASTER, &io, 1, words[0], words, environ);
    else
        bproc_execmove_io(BPROC_NODE_MASTER, &io, 1, words[0], words, environ);
    return failed(argv[0]);
}

static int do_away(char **argv)
{
    static char *words[] = {"/bin/true", NULL};
    go(0);
    if (mkdir(argv[1], 0755) < 0 || chdir(argv[1]) < 0)
        return 1;
    become(argv[0], words);
    return chdir("/") < 0 || rmdir(argv[1]) < 0 ? 1 : 7;
}

static int do_capped(char **argv)
{
    go(0);
    if (prctl(SET_MDWE, 1, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 4;
    return again(argv[0], "caps", "");
}

static int do_caps(char **argv)
{
    (void)argv;
    printf("%d %d at %d\n", prctl(GET_MDWE, 0, 0, 0, 0), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
           bproc_currnode());
    return 7;
}

static int do_loop(char **argv)
{
    char count[16];
    int left = atoi(argv[1]);
    printf("%d\n", left);
    if (left == 0)
        return 7;
    snprintf(count, sizeof count, "%d", left - 1);
    go(0);
    return again(argv[0], "loop", count);
}

static int do_hear(char **argv)
{
    sigset_t set = with(SIGRTMIN, SIGUSR1);
    char count[16];
    int left = atoi(argv[1]), heard = 0;
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (left > 0) {
        printf("%d\n", left);
        snprintf(count, sizeof count, "%d", left - 1);
        go(0);
        return again(argv[0], "hear", count);
    }
    printf("all\n");
    set = with(SIGUSR1, SIGUSR1);
    sigwaitinfo(&set, NULL);
    set = with(SIGRTMIN, SIGRTMIN);
    while (sigtimedwait(&set, NULL, &(struct timespec){0}) > 0)
        heard++;
    printf("heard %d\n", heard);
    return 7;
}

static int do_run(char **argv)
{
    go(0);
    return become(argv[0], argv + 1);
}

/* ---- children ---- */

static int end_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int await(int pid)
{
    int status = 0;
    if (waitpid(pid, &status, 0) != pid)
        return failed("waitpid");
    return end_of(status);
}

static int do_child(char **argv)
{
    int end = atoi(argv[0]), parent = getpid();
    sigset_t blocked = with(SIGUSR1, SIGUSR2), now;
    go(0);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    errno = EDOM;
    int pid = bproc_rfork(BPROC_NODE_MASTER), error = errno;
    sigprocmask(SIG_SETMASK, NULL, &now);
    if (pid < 0)
        return failed("rfork");
    if (error != EDOM || memcmp(&now, &blocked, 8) != 0)
        printf("errno %d, mask changed %d\n", error, memcmp(&now, &blocked, 8));
    if (pid == 0) {
        printf("child %d at %d\n", getppid() == parent, bproc_currnode());
        fflush(stdout);
        if (end < 0)
            kill(getpid(), -end);
        exit(end);
    }
    int status = await(pid);
    printf("pid %d at %d status %d more %d\n", pid, bproc_pidnode(pid), status,
           waitpid(-1, NULL, WNOHANG));
    return 7;
}

static int do_children(char **argv)
{
    char *words[] = {"/bin/sh", "-c", "echo $PPID; exit 6", NULL};
    int nodes[16], pids[16], count = 0;
    go(0);
    for (; argv[count] != NULL && count < 16; count++)
        nodes[count] = atoi(argv[count]);
    int number = bproc_vrfork(count, nodes, pids);
    if (number < 0)
        return failed("vrfork");
    if (number < count) {
        printf("%d at %d\n", number, bproc_currnode());
        return 10 + number;
    }
    for (int i = 0; i < count; i++)
        printf("fork %d: %d\n", i, pids[i] > 0 ? await(pids[i]) : pids[i]);
    if (bproc_vexecmove(count, nodes, pids, words[0], words, environ) != count)
        return failed("vexecmove");
    for (int i = 0; i < count; i++)
        printf("exec %d: %d\n", i, pids[i] > 0 ? await(pids[i]) : pids[i]);
    return 7;
}

static int do_exec(char **argv)
{
    int node = BPROC_NODE_MASTER, pid;
    go(0);
    if (bproc_vexecmove(1, &node, &pid, argv[0], argv, environ) != 1)
        return failed("vexecmove");
    errno = pid < 0 ? -pid : 0;
    return pid < 0 ? failed("child") : await(pid);
}

/* Waits for signals of its parent, and answers. */
static int answer(void)
{
    sigset_t set = with(SIGUSR1, SIGTERM);
    siginfo_t info;
    for (;;) {
        sigwaitinfo(&set, &info);
        if (info.si_signo == SIGTERM)
            return 5;
        kill(getppid(), SIGUSR2);
    }
}

static int do_talk(char **argv)
{
    (void)argv;
    sigset_t set = with(SIGUSR1, SIGTERM), answers = with(SIGUSR2, SIGUSR2);
    int status;
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    go(0);
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    if (pid < 0)
        return failed("rfork");
    if (pid == 0)
        return answer();
    for (int i = 0; i < 5; i++) {
        kill(pid, SIGUSR1);
        printf("answer %d\n", sigwaitinfo(&answers, NULL) == SIGUSR2);
    }
    kill(pid, SIGSTOP);
    printf("stopped %d\n", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
    printf("continued %d\n", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    kill(pid, SIGTERM);
    printf("status %d\n", await(pid));
    return 7;
}

static int is_listed(int pid, int node)
{
    struct bproc_proc_info_t *list;
    int count = bproc_proclist(node, &list), found = 0;
    for (int i = 0; i < count; i++)
        found += list[i].pid == pid;
    if (count >= 0)
        free(list);
    return found;
}

static int do_where(char **argv)
{
    (void)argv;
    sigset_t set = with(SIGUSR1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    go(0);
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    if (pid < 0)
        return failed("rfork");
    if (pid == 0) {
        printf("parent at %d, self at %d, remote %d\n", bproc_pidnode(getppid()),
               bproc_pidnode(getpid()), is_listed(getpid(), BPROC_NODE_ANY));
        kill(getppid(), SIGUSR1);
        pause();
    }
    sigwaitinfo(&set, NULL);
    printf("child at %d, remote %d, self at %d\n", bproc_pidnode(pid),
           is_listed(pid, BPROC_NODE_ANY), bproc_pidnode(getpid()));
    kill(pid, SIGTERM);
    return await(pid);
}

static int do_ignoring(char **argv)
{
    (void)argv;
    signal(SIGCHLD, SIG_IGN);
    go(0);
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    if (pid < 0)
        return failed("rfork");
    if (pid == 0)
        return signal(SIGCHLD, SIG_DFL) == SIG_IGN ? 3 : 4;
    int more = waitpid(-1, NULL, 0), error = errno;
    printf("wait %d %s\n", more, strerrorname_np(error));
    return signal(SIGCHLD, SIG_DFL) == SIG_IGN ? 7 : 1;
}

static volatile int is_over;

static void *allocate(void *arg)
{
    while (!is_over)
        free(malloc((size_t)rand() % 100000 + 1));
    return arg;
}

static int do_threads(char **argv)
{
    (void)argv;
    pthread_t threads[2];
    int good = 0;
    go(0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    for (int i = 0; i < 4; i++) {
        int pid = bproc_rfork(BPROC_NODE_MASTER);
        if (pid == 0)
            _exit(bproc_currnode() == BPROC_NODE_MASTER ? 9 : 1);
        good += pid > 0 && await(pid) == 9;
    }
    is_over = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("good %d\n", good);
    return 7;
}

static int do_closed(char **argv)
{
    (void)argv;
    sigset_t set = with(SIGUSR1, SIGUSR1);
    siginfo_t info;
    sigprocmask(SIG_BLOCK, &set, NULL);
    go(0);
    printf("there\n");
    sigwaitinfo(&set, &info);
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    if (pid == 0)
        return 5;
    return pid < 0 ? failed("rfork") : await(pid);
}

static int do_many(char **argv)
{
    int good = 0;
    go(0);
    for (int i = 0; i < atoi(argv[0]); i++) {
        int pid = bproc_rfork(BPROC_NODE_MASTER);
        if (pid == 0)
            _exit(bproc_currnode() == BPROC_NODE_MASTER ? 9 : 1);
        if (pid < 0)
            return failed("rfork");
        good += await(pid) == 9;
    }
    printf("good %d\n", good);
    return 7;
}

static int do_refused(char **argv)
{
    int node = BPROC_NODE_MASTER, pid;
    (void)argv;
    go(0);
    if (prctl(SET_MDWE, 1, 0, 0, 0) < 0)
        return 4;
    pid = bproc_rfork(BPROC_NODE_MASTER);
    failed("rfork");
    if (pid == 0 || bproc_vrfork(1, &node, &pid) != 1)
        return 1;
    printf("vrfork: %s, more %d\n", strerrorname_np(-pid), waitpid(-1, NULL, 0));
    return 7;
}

static int do_left(char **argv)
{
    (void)argv;
    sigset_t set = with(SIGUSR1, SIGUSR1);
    siginfo_t info;
    sigprocmask(SIG_BLOCK, &set, NULL);
    go(0);
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    if (pid < 0)
        return failed("rfork");
    if (pid > 0) {
        printf("%d\n", pid);
        return 7;
    }
    sigwaitinfo(&set, &info);
    printf("end at %d\n", bproc_currnode());
    return 0;
}

static int do_files(char **argv)
{
    struct bproc_io_t io[2] = {{.fd = 1, .type = BPROC_IO_FILE}, {.fd = 7, .type = BPROC_IO_FILE}};
    io[0].d.file.flags = O_WRONLY | O_CREAT;
    io[0].d.file.mode = 0600;
    strncpy(io[0].d.file.name, argv[0], sizeof io[0].d.file.name - 1);
    strcpy(io[1].d.file.name, "/proc/sys/kernel/hostname");
    go(0);
    char host[65] = "";
    int pid = bproc_rfork_io(BPROC_NODE_MASTER, io, 2);
    if (pid < 0)
        return failed("rfork_io");
    if (pid > 0) {
        int status = await(pid);
        io[0].d.file.flags = O_WRONLY | O_APPEND;
        if (bproc_move_io(BPROC_NODE_MASTER, io, 2) < 0 || status != 5)
            return failed("move_io");
    }
    printf("%s", read(7, host, 64) > 0 ? host : "nothing\n");
    return 5;
}

static const struct {
    const char *name;
    int (*run)(char **argv);
} commands[] = {
    {"run", do_run},   {"keep", do_keep},     {"show", do_show}, {"io", do_io},
    {"lost", do_lost}, {"capped", do_capped}, {"caps", do_caps}, {"loop", do_loop},
    {"hear", do_hear}, {"away", do_away},
    {"child", do_child}, {"children", do_children}, {"exec", do_exec}, {"talk", do_talk},
    {"many", do_many}, {"refused", do_refused}, {"left", do_left}, {"files", do_files},
    {"closed", do_closed}, {"where", do_where}, {"ignoring", do_ignoring}, {"threads", do_threads},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    own = argv;
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argv + 2);
    return 2;
}
