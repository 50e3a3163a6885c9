/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost_record.h - what bpghost and bpmaster say to each other: fixed 64-byte records over a
 * SOCK_SEQPACKET socket, one to BP_GHOST_BATCH records a packet.
 *
 * A herd is the ghosts of one launch, numbered by slot 0..count-1 (slot = rank order), and the
 * children that bpmaster lets them have later, in the slots above.
 * bpmaster makes the socket pair and passes one end to the launcher, which passes it to the
 * maker as descriptor 3; the maker reads one bp_ghost_setup from descriptor 4. */
#ifndef BP_PROTO_GHOST_RECORD_H
#define BP_PROTO_GHOST_RECORD_H

#include <stdint.h>

#define BP_GHOST_BATCH    64
#define BP_GHOST_SLOT_ALL UINT32_MAX
#define BP_GHOST_MAX      1024 /* ghosts of a launch: the herder's waitpid is linear in them */
#define BP_GHOST_SLOTS    2048 /* ghosts a herder, with their children */
#define BP_GHOST_VERSION  1
#define BP_GHOST_NOT_KNOWN (-1) /* in place of a wait status */

enum bp_ghost_flags {
    BP_GHOST_IN_PLACE = 1, /* the process that executes bpghost becomes the ghost, of which there is
                            * one; its signals are blocked, and those that wait are told */
    BP_GHOST_GIVEN = 2,    /* behind the setup stand the PIDs that they are to have, int32_t each:
                            * placeholders on a node. The program file must give the right to that,
                            * the capability CHECKPOINT_RESTORE, which is used for nothing else */
};

/* Read by the maker from descriptor 4, once. */
struct bp_ghost_setup {
    uint32_t version;  /* BP_GHOST_VERSION */
    uint32_t count;    /* 1..BP_GHOST_MAX */
    uint32_t lease_ms; /* without a PING for this long the herder ends its ghosts with SIGKILL */
    uint32_t flags;    /* enum bp_ghost_flags */
    char comm[16];     /* name of every ghost, NUL-terminated */
    char zero[32];
};

enum bp_ghost_type {
    /* herder to bpmaster */
    BP_GHOST_BORN = 1, /* slot, pid: the ghost exists and is traced by the herder */
    BP_GHOST_HERDING,  /* pid: the herder's own; after the last BORN */
    BP_GHOST_SIGNAL,   /* slot (or SLOT_ALL), signo, code, sender_pid, sender_uid, value: the ghost
                        * got this signal; SIGKILL: the ghost is held until EXIT; SIGSTOP, SIGCONT
                        * are mirrored by STOPPED, CONTINUED */
    BP_GHOST_GONE,     /* slot, status: the ghost ended (its wait status). Without a BORN before it
                        * the ghost was killed before it ran: the create is a no-op. Of one that was
                        * made on order: its parent has reaped it, or will not; after HOME the
                        * process has ended, or (NOT_KNOWN) its parent is no ghost any more */
    BP_GHOST_PONG,     /* value: the PING's; status: records and events refused so far */
    BP_GHOST_FAILED,   /* status: errno; the herd could not be made; the herder ends */
    BP_GHOST_UNMADE,   /* slot, status: errno; MAKE cannot be done, the slot is free */
    BP_GHOST_TOLD,     /* slot: every signal that this ghost had got when ASK came was told; or it
                        * has died */
    BP_GHOST_HOME,     /* slot: BECOME is done. The ghost has told every signal that came before; it
                        * is nobody's ghost any more. GONE follows: when its parent, a ghost, has
                        * reaped the process; or else when EXIT says so */
    BP_GHOST_STAYS,    /* slot, status: BECOME cannot be done, errno; it is a ghost as before */
    BP_GHOST_HALTED,   /* slot, signo: after HOME, told by its parent, a ghost: the process was
                        * stopped by signo; 0: it goes on */
    /* bpmaster to herder */
    BP_GHOST_EXIT = 64, /* slot, status: end the ghost with exactly this wait status */
    BP_GHOST_STOPPED,   /* slot, signo: the process stopped by signo; stop the ghost, too, unless
                         * it got a SIGCONT that is not among the `value` ones that bpmaster has
                         * heard of by now: then the process will go on, too */
    BP_GHOST_CONTINUED, /* slot: the process was continued */
    BP_GHOST_NAME,      /* slot, name: the process's new comm */
    BP_GHOST_FORWARD,   /* signo, code, sender_pid, sender_uid, value: the launcher itself got this
                         * signal. The herder answers with SIGNAL for SLOT_ALL unless the launcher's
                         * whole process group got it (then the ghosts have had it already) */
    BP_GHOST_PING,      /* value; renews the herder's lease */
    BP_GHOST_MAKE,      /* slot, parent, name: the ghost in slot `parent` gets a child in this slot,
                         * none of the launch's, and free: never used, or GONE was told. BORN or
                         * UNMADE follows; when it has ended it is reaped at once */
    BP_GHOST_ASK,       /* slot: answered by TOLD; a stopped ghost answers when it goes on */
    BP_GHOST_BECOME,    /* slot: the ghost executes bphome, which makes it its process: that comes
                         * home. HOME or STAYS follows, unless it is killed on the way */
};

struct bp_ghost_record {
    uint32_t type; /* enum bp_ghost_type */
    uint32_t slot;
    int32_t pid;
    int32_t signo;
    int32_t code;       /* siginfo's si_code */
    int32_t sender_pid; /* siginfo's si_pid */
    uint32_t sender_uid;
    int32_t status; /* wait status, as wait(2) gives it */
    uint64_t value; /* siginfo's si_value, or the PING's number */
    char name[16];
    uint32_t parent;
    uint32_t zero;
};

_Static_assert(sizeof(struct bp_ghost_setup) == 64, "setup is 64 bytes");
_Static_assert(sizeof(struct bp_ghost_record) == 64, "a record is 64 bytes");

#endif
