/* SPDX-License-Identifier: BSD-3-Clause */
/* space_record.h - what bpnode and bpspace say to each other over a SOCK_SEQPACKET socket pair:
 * a fixed 64-byte record, then `length` bytes of payload in the same packet, and for some types
 * descriptors beside it (SCM_RIGHTS).
 *
 * For one serial bpspace says CREATED or FAILED first; after CREATED any number of STOPPED and
 * CONTINUED, and EXIT last. At its EXIT or FAILED a process is reaped and its PID is free. bpspace
 * waits for bpnode to read, up to the lease: bpnode must go on reading while it waits to send.
 * What bpspace said before it ended can be read after its end. */
#ifndef BP_PROTO_SPACE_RECORD_H
#define BP_PROTO_SPACE_RECORD_H

#include <stdint.h>

#define BP_SPACE_VERSION     1
#define BP_SPACE_PAYLOAD_MAX 65536
#define BP_SPACE_FDS_MAX     8
#define BP_SPACE_CPUS_BYTES  1024 /* longest CPU mask: 8192 CPUs */
#define BP_SPACE_GROUPS_MAX  1024
#define BP_SPACE_LIMITS      16 /* RLIMIT_* 0..15 of Linux */
#define BP_SPACE_FILES_MAX   16
#define BP_SPACE_FD_MAX      1048575 /* highest descriptor that a file takes the place of */
#define BP_SPACE_CONNECT     (1 << 30) /* in FLAGS: PATH is "ADDRESS:PORT" to connect to, */
#define BP_SPACE_SEND_INFO   (1 << 29) /* and two int32 go first: PID and FD */
#define BP_SPACE_PATTERN     (1 << 28) /* in FLAGS: PATH has letters; left is %t, the rank */
#define BP_SPACE_SHARED      (1 << 27) /* several ranks open it: the first of them truncates */
#define BP_SPACE_OPEN_FLAGS  (BP_SPACE_SHARED - 1) /* what is open()'s in FLAGS */

enum bp_space_type {
    /* bpnode to bpspace */
    BP_SPACE_SETUP = 1, /* payload bp_space_setup and its groups; once, first.
                         * fd 0: memory file (memfd) of the job's strings, see bp_space_strings */
    BP_SPACE_CREATE,    /* serial, pid (the master's; 0 = any from the upper half), flags, value =
                         * the rank;
                         * payload: bp_space_create, CPU mask, extra environment.
                         * fds: stdin, stdout, stderr, then `extra_fds` more, put at 3, 4, ...;
                         * with BP_SPACE_IMAGE the last of them is the image, with BP_SPACE_GATE
                         * the one before a pipe: a byte of it for each process when the image is
                         * whole, and its end when it never will be */
    BP_SPACE_SIGNAL,    /* serial, signo, code, sender_pid, uid, value, status = number of a SIGCONT
                         * or 0; serial 0 = every process
                         * that CREATE made except helpers. Before CREATED signals wait, but for
                         * SIGKILL and SIGCONT. A code below 0 comes with sender and value, others
                         * as kill() by PID 1. An unknown serial is a late one: dropped */
    BP_SPACE_LEASE,     /* value = milliseconds from now; answered by LEASE_SEEN */
    BP_SPACE_WATCH_STDIN, /* serial: tell once, by STDIN_WANTED, when somebody in the space waits to
                           * read that process's stdin pipe. value = inode of the pipe. At most 16
                           * at a time */
    BP_SPACE_CLOSE,     /* end everything at once; bpspace exits, with 0 */
    BP_SPACE_SETTINGS,  /* as SETUP, later: strings, limits and what else each process gets before
                         * its exec is so for those that CREATE makes from now on. User, groups,
                         * stubs and names stay */
    /* bpspace to bpnode */
    BP_SPACE_READY = 64, /* namespaces, mounts and stubs are made */
    BP_SPACE_CREATED,    /* serial, pid: exec has succeeded, or it was killed on the way there;
                          * payload: its CPU mask as the kernel has it, may be empty */
    BP_SPACE_FAILED,     /* serial, status = errno, flags = enum bp_space_step: not created (no EXIT
                          * follows), or serial 0: SETUP failed and bpspace exits. payload: with
                          * BP_STEP_IMAGE what the restorer said, without a NUL */
    BP_SPACE_EXIT,       /* serial, pid, status, cpu_us, maxrss_kib */
    BP_SPACE_STOPPED,    /* serial, signo, status = number of the last SIGCONT that it had got */
    BP_SPACE_CONTINUED,  /* serial; a stop or a continue that is over before anybody looked is not
                          * told */
    BP_SPACE_LEASE_SEEN, /* value: the LEASE's */
    BP_SPACE_STDIN_WANTED, /* serial */
};

enum bp_space_step { /* where a creation failed */
    BP_STEP_NONE,      /* with EPROTO: the record does not fit together */
    BP_STEP_NAMESPACE, /* mounts, /proc, stubs */
    BP_STEP_CLONE,     /* EEXIST: PID taken, or serial in use. EOVERFLOW: PID above pid_max. EAGAIN:
                        * no more processes. ESRCH: the launcher's stub was killed (by root) */
    BP_STEP_LIMITS,    /* limits, descriptors */
    BP_STEP_AFFINITY, /* CPUs, memory */
    BP_STEP_IDENTITY, /* groups, gid, uid */
    BP_STEP_CHDIR,
    BP_STEP_EXEC,
    BP_STEP_IMAGE, /* the image cannot be made into a process here */
    BP_STEP_FILE = 16, /* and 17, 18, ...: opening the file in place of descriptor 0, 1, 2, ... */
};

enum bp_space_flags {
    BP_SPACE_HELPER = 1, /* CREATE: the job's helper (bpshepherd): own session, child of bpspace,
                          * root's choice of program: `argv` comes from extra strings, see below */
    BP_SPACE_IMAGE = 2,  /* CREATE: not exec but an image makes it the program (image/format.h) */
    BP_SPACE_SELF = 4,   /* with BP_SPACE_IMAGE: it is of kind SELF, and is told the vectors and, as
                          * its result, `value` */
    BP_SPACE_TERMINAL = 8, /* CREATE: stdin is a terminal, for a session that it leads */
    BP_SPACE_GATE = 16, /* with BP_SPACE_IMAGE: it waits there for the image */
};

struct bp_space_record {
    uint32_t type;   /* enum bp_space_type */
    uint32_t length; /* bytes of payload after the record */
    uint64_t serial; /* names the process; never 0, never reused within a job */
    int32_t pid;
    int32_t signo;
    int32_t code;
    int32_t sender_pid;
    uint32_t uid;
    int32_t status; /* wait status, or an errno */
    uint64_t value;
    uint64_t cpu_us;     /* user + system time */
    uint32_t maxrss_kib;
    uint32_t flags;
};

enum bp_space_leads { /* what the job's process leads, where it is one that came from the master */
    BP_LEADS_NOTHING,
    BP_LEADS_GROUP,
    BP_LEADS_SESSION, /* and its group */
};

/* Payload of SETUP, followed by `groups` gids (uint32_t each). */
struct bp_space_setup {
    uint32_t version;
    uint32_t uid, gid, groups;
    uint32_t umask;
    uint32_t lease_ms;    /* the first lease; not 0 */
    int32_t launcher_pid; /* on the master; the ranks' parent here. 0, 1 = none: parent is PID 1 */
    int32_t group_pid;    /* the launcher's process group; 0 or 1 = its session's leader's */
    int32_t session_pid;  /* the launcher's session; 0 or 1 = PID 1's own, session 1 (but a nameless
                           * one where an orphaned group is asked for, which 1 cannot have) */
    uint32_t orphaned;    /* 1: that group is orphaned on the master, so it must be here */
    uint32_t no_limits;   /* 1: do not set limits */
    int32_t nice;         /* of the ranks: the launcher's */
    uint32_t leads;       /* enum bp_space_leads */
    uint32_t timer_slack_us; /* of the ranks; 0 = as usual */
    uint64_t ignored;     /* signals the launcher ignores, and so do ranks: bit s-1 = signal s */
    struct {
        uint64_t soft, hard; /* UINT64_MAX = unlimited */
    } limits[BP_SPACE_LIMITS];
    char directory[64]; /* an existing empty directory: the job's tmpfs is mounted there */
    char hostname[64];  /* unused when empty */
};

/* The memory file of SETUP: this header, then argc + envc + 2 NUL-terminated strings: the argument
 * vector, the environment, the working directory, the program ("" = argv[0]); then `files` more:
 * files that are opened by the process itself, as its user in its working directory, in place of
 * descriptors, first those of 0, 1, 2, each as "FD FLAGS MODE OFFSET PATH" with decimal numbers;
 * stderr's that is word for word stdout's is opened once. Not above BP_SPACE_STRINGS_MAX bytes in
 * all. */
#define BP_SPACE_STRINGS_MAX (8u << 20)
struct bp_space_strings {
    uint32_t argc, envc;
    uint32_t bytes; /* of all strings with their NULs */
    uint32_t files;
};

/* Payload of CREATE: this, cpu_bytes of CPU mask (as sched_setaffinity takes it; 0 = leave),
 * mem_bytes of a mask of NUMA nodes that its memory must be of (as set_mempolicy takes it; 0 =
 * leave), then argc + envc NUL-terminated strings: an argument vector that replaces the job's
 * (argc > 0; a helper needs one, its argv[0] is an absolute path), and environment that is
 * added to the job's, replacing variables of the same name; and with has_cwd one more: the
 * working directory in place of the job's. */
struct bp_space_create {
    uint32_t cpu_bytes;
    uint32_t argc, envc;
    uint32_t string_bytes;
    uint32_t extra_fds;
    uint32_t has_cwd;
    uint32_t mem_bytes;
    uint32_t zero;
};

_Static_assert(sizeof(struct bp_space_record) == 64, "a record is 64 bytes");

#endif
