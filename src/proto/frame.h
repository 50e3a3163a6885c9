/* SPDX-License-Identifier: BSD-3-Clause */
/* frame.h - the header of every frame between bpmaster, bpnode, bpshepherd and the tools, and the
 * table of frame types: who may send which, and how big its body may be.
 *
 * On the wire a frame is 32 bytes, little endian, and `length` bytes of protobuf body
 * (bpmix.proto). The header is all a router looks at. */
#ifndef BP_PROTO_FRAME_H
#define BP_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define BP_FRAME_BYTES   32
#define BP_FRAME_MAGIC   0x584d5042u /* "BPMX" */
#define BP_FRAME_VERSION 1
#define BP_PORT          2223

struct bp_frame {
    uint16_t type;   /* enum bp_frame_type */
    uint8_t flags;   /* 0 */
    uint32_t length; /* of the body, bytes */
    int32_t node;    /* destination as sent; bpmaster's router puts the true source there */
    uint64_t job;    /* 0 = no job */
    uint64_t tag;    /* number of a request, repeated in its answer; or the serial of a process */
};

/* A kind of peer: a bit each, so that a set of kinds is an int. */
enum bp_peer {
    BP_PEER_TOOL = 1,     /* a local connection of bprun, bpsh, bpstat, a libbproc program */
    BP_PEER_NODE = 2,     /* a joined bpnode, on its control connection */
    BP_PEER_MASTER = 4,   /* bpmaster */
    BP_PEER_SHEPHERD = 8, /* bpshepherd, on its socket to bpnode */
    BP_PEER_CALLER = 16,  /* a process of a job on a node: a tool that may say less */
};

enum bp_frame_type {
    /* tool and bpmaster */
    BP_NODE_LIST = 1, /* empty; answer NODES, when `node` nodes are up (0: now) */
    BP_NODES,         /* NodeList */
    BP_JOB_OPEN,      /* JobRequest; answer JOB_MAP or REFUSED. Of a caller: job = PID of the
                       * rank that asks, which its bpnode puts there */
    BP_JOB_MAP,       /* JobMap; descriptors: a herder's socket for every BP_GHOST_MAX ranks */
    BP_JOB_STREAM,    /* bpmaster to tool: node = n; descriptor: that node's data connection. For a
                       * caller JobStream, with which its bpnode dials for the descriptor */
    BP_JOB_EVENT,     /* JobEvent: what happened to ranks, in the order in which bpmaster saw it */
    BP_JOB_KILL,      /* JobKill: signal to every process of the job (0 = close the job now) */
    BP_JOB_FORWARD,   /* JobForward: the launcher got this signal itself */
    BP_JOB_END,       /* bpmaster to tool: all is over, nothing is left */
    BP_REFUSED,       /* Refusal: the request with this tag is refused, and why */
    BP_JOB_LIST,      /* empty; answer JOBS */
    BP_JOBS,          /* JobList */
    BP_DONE,          /* the request with this tag is done */
    BP_NODE_RIGHTS,   /* of `node` (-1: the master): NodeRights; answer DONE */
    BP_NODE_STATE,    /* of `node`: NodeState; root; answer DONE */
    BP_NODE_SET,      /* an attribute of `node`: NodeAttribute; root; answer DONE */
    BP_NODE_GET,      /* the same without value; answer NODE_VALUE */
    BP_NODE_VALUE,    /* NodeAttribute */
    BP_NODE_WATCH,    /* empty; answer DONE, then NODE_CHANGED */
    BP_NODE_CHANGED,  /* bpmaster to tool: nodes or configuration are not what they were */
    BP_PROC_LIST,     /* empty; answer PROCS: of `node`, of all (-4) */
    BP_PROCS,         /* ProcList */
    BP_LIBRARY_SET,   /* LibraryChange; root; answer DONE */
    BP_LIBRARY_LIST,  /* empty; answer LIBRARIES */
    BP_LIBRARIES,     /* LibraryList */
    BP_JOB_WAIT,      /* of the JOB_OPEN with this tag, before its answer: JobWait, as it changes */
    BP_JOB_SIGNAL,    /* to any `job` of the user's: JobKill; answer DONE */
    BP_NODE_HARDWARE, /* empty; answer HARDWARE */
    BP_HARDWARE,      /* HardwareList: of all nodes, and what jobs use of it */
    BP_JOB_RELEASE,   /* a lasting job may end: when it has no process, nor a guest */
    BP_JOB_MOVE,      /* JobMove: a process on a node goes on to `node`; descriptor, as far as its
                       * bpnode: its image, a sealed memory file; answer REFUSED, or it has gone */
    /* bpnode and bpmaster */
    BP_JOIN = 32,    /* Join */
    BP_JOINED,       /* Joined */
    BP_LEASE,        /* tag = number; bpmaster to bpnode, every quarter of a lease */
    BP_LEASE_SEEN,   /* tag = number */
    BP_SPACE_OPEN,   /* SpaceOpen */
    BP_PROC_CREATE,  /* ProcCreate */
    BP_PROC_CREATED, /* tag = serial; ProcCreated */
    BP_PROC_FAILED,  /* tag = serial; ProcFailed */
    BP_PROC_EXIT,    /* tag = serial; ProcExit */
    BP_PROC_STOPPED, /* tag = serial; ProcStopped (signal 0: continued) */
    BP_PROC_SIGNAL,  /* tag = serial (0 = all of the job on that node); ProcSignal */
    BP_SPACE_END,    /* bpmaster to bpnode: close this job's space */
    BP_SPACE_ENDED,  /* bpnode to bpmaster: SpaceEnded; nothing of the job is left there */
    BP_NODE_ORDER,   /* tool (root) to bpmaster, on to bpnode: NodeOrder; answer DONE */
    BP_NODE_ORDERED, /* bpnode to bpmaster: tag = of the order; NodeOrdered */
    BP_TOOL_SAYS,    /* bpnode to bpmaster: tag = number of a connection of a process of this job;
                      * body: the head and body of a frame of tools, relay.h */
    BP_TOOL_HEARS,   /* bpmaster to bpnode: the same the other way */
    BP_TOOL_GONE,    /* that connection has ended */
    BP_HERD_OPEN,    /* bpmaster to bpnode: tag = number of a connection, HerdOpen: the JOB_MAP that
                      * follows is to have a herder's socket beside it */
    BP_HERD_SAYS,    /* bpnode to bpmaster: tag = number of a herd of placeholders; body: what its
                      * herder says, records of ghost_record.h */
    BP_HERD_HEARS,   /* bpmaster to bpnode: the same the other way */
    BP_HERD_GONE,    /* the herder has ended, or nothing more is to be said to it */
    /* bpshepherd; bpnode passes them on without decoding but for READY and ABORT's type */
    BP_PMIX_JOB = 64, /* bpnode to bpshepherd: PmixJob; first frame */
    BP_PMIX_READY,    /* bpshepherd to bpnode: PmixReady */
    BP_PMIX_PEER,     /* shepherd to shepherd of the same job: node = destination; PmixPeer */
    BP_PMIX_PUBLISH,  /* shepherd to bpmaster: PmixPublish; answer PMIX_REPLY */
    BP_PMIX_LOOKUP,   /* shepherd to bpmaster: PmixLookup; answer PMIX_REPLY, perhaps much later */
    BP_PMIX_UNPUBLISH, /* shepherd to bpmaster: PmixLookup (keys); answer PMIX_REPLY */
    BP_PMIX_REPLY,     /* bpmaster to shepherd: PmixReply */
    BP_PMIX_ABORT,     /* shepherd to bpmaster: PmixAbort: a rank called MPI_Abort */
    BP_PMIX_STATE,     /* shepherd to bpmaster: PmixState: a rank connected or finalized */
    BP_PMIX_GONE,      /* bpmaster to every shepherd of the job: PmixGone: these ranks have ended */
    BP_PMIX_PING,      /* bpnode to bpshepherd: tag = number */
    BP_PMIX_PONG,      /* bpshepherd to bpnode */
    /* a process that comes home to the master */
    BP_JOB_HOME = 96, /* launcher to bpmaster: JobHome: the image of its process is here;
                       * descriptors: that (empty, if it has none), its stdin, stdout, stderr, and
                       * the files of its JobMove. Or why it cannot come */
    BP_JOB_DRAINED,   /* launcher to bpmaster: JobHome (rank): what that process wrote on nodes has
                       * been written here */
    BP_HOME_ASK,      /* empty; of a bphome, which its PID names; answer HOME or REFUSED */
    BP_HOME,          /* Home; descriptors: those of JOB_HOME */
    BP_JOB_REAPED,    /* launcher to bpmaster: JobReaped: a process at home has ended */
    BP_FRAME_TYPES
};

struct bp_route {
    const char *name;
    uint8_t from;      /* set of enum bp_peer that may send it */
    uint8_t to;        /* set of enum bp_peer that may receive it */
    uint32_t max_body; /* bytes */
};

/* The row of a type, or NULL if there is no such type. */
const struct bp_route *bp_route_get(unsigned type);

/* Write the 32 bytes of *frame. */
void bp_frame_encode(const struct bp_frame *frame, uint8_t bytes[BP_FRAME_BYTES]);

/* Read 32 bytes that a peer of kind `from` sent to one of kind `to`. 0, -EPROTO (no frame, unknown
 * type, this peer may not send it), -EPROTONOSUPPORT (another version), -EMSGSIZE. */
int bp_frame_decode(const uint8_t bytes[BP_FRAME_BYTES], enum bp_peer from, enum bp_peer to,
                    struct bp_frame *ret_frame, struct bp_error *err);

#endif
