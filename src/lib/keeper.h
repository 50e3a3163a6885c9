/* SPDX-License-Identifier: BSD-3-Clause */
/* keeper.h - bpkeeper: the process that carries jobs for a program without an event loop. It holds
 * their connections, sends images, brings output, and ends when the jobs have. It is no child of
 * the program, which never hears of it; when it is killed the jobs end.
 *
 * The first call of a process starts one. While that lasts, later calls find it by its name: an
 * abstract socket that is called after the process. Their jobs are guests of the first one. */
#ifndef BP_LIB_KEEPER_H
#define BP_LIB_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/bproc_common.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/error.h"
#include "image/image.h"
#include "lib/launch.h"

#define BP_KEEPER_CONTROL 3 /* descriptor: the socket to the program that started it */

/* What it is given on a connection: one JOB_MAP frame, its body the map, its tag the process whose
 * pages are the image's (0 = there is no image), its node a kind, with these descriptors. Should
 * the connection close before it has told of all ranks, the job ends. */
enum bp_keeper_fd {
    BP_KEEPER_JOB,      /* the job's connection to bpmaster */
    BP_KEEPER_OUT,      /* where output goes */
    BP_KEEPER_ERR,
    BP_KEEPER_IN,       /* the caller's own, for what comes home */
    BP_KEEPER_PROLOGUE, /* with an image: its head and tables, */
    BP_KEEPER_HOLD,     /* and what keeps that process */
    BP_KEEPER_FDS
};

enum bp_keeper_kind {
    BP_KEEPER_ALONE, /* its only job */
    BP_KEEPER_HOST,  /* a lasting one, others may come to be inside of it */
    BP_KEEPER_GUEST,
    BP_KEEPER_STALE, /* no job: the host cannot be used any more */
    BP_KEEPER_GOES_HOME, /* its only job, whose processes run when they have come home */
};

/* What one that cannot go home exits with: the errno, or BProc's number from 192 on. */
#define BP_KEEPER_BPROC 192
static inline int bp_keeper_exit_code(int error)
{
    return -error < BE_BASE ? -error : -error - BE_BASE + BP_KEEPER_BPROC;
}
static inline int bp_keeper_exit_error(int code)
{
    return code < BP_KEEPER_BPROC ? -code : -(code - BP_KEEPER_BPROC + BE_BASE);
}

/* What it says on a connection by its name: first this, once. */
struct bp_keeper_hello {
    uint64_t job; /* the host; 0 = there is none any more */
};

/* Then a packet for each rank, once. */
struct bp_keeper_news {
    uint32_t rank; /* UINT32_MAX: all of those that it has not told of */
    int32_t code; /* 0: the process runs; or a negative errno */
};

/* The name of a process's keeper: an abstract address. Its length. */
static inline socklen_t bp_keeper_name(uid_t uid, pid_t pid, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(ret_address->sun_path + 1, sizeof ret_address->sun_path - 1,
                          "bpmix-keeper/%u/%d", uid, pid);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* The caller's keeper, if it has one: its socket and the host job; or -ENOENT. */
int bp_keeper_find(uint64_t *ret_host);

/* Start one. Its socket (blocking, SOCK_SEQPACKET), which ends it when it closes before a job was
 * given; or a negative errno. */
int bp_keeper_start(struct bp_error *err);

/* Give it the job. And the image, if there is one: it stays the caller's to free, and then only the
 * keeper has it. -ECONNABORTED: it has been killed. */
int bp_keeper_give(int keeper, enum bp_keeper_kind kind, const struct bp_launch *launch,
                   const struct bp_image *image, struct bp_error *err);

/* Its host was refused: it must give its name up. */
void bp_keeper_refuse(int take_keeper);

/* Wait for its next word. 1, 0 = it has ended, or a negative errno. */
int bp_keeper_hear(int keeper, struct bp_keeper_news *ret_news);

#endif
