/* SPDX-License-Identifier: BSD-3-Clause */
/* agent.h - what the files of bpnode share: the agent, its spaces, their ranks. */
#ifndef BP_NODEAGENT_AGENT_H
#define BP_NODEAGENT_AGENT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <event2/event.h>
#include <uthash.h>
#include <utlist.h>

#include "common/cpu.h"
#include "common/error.h"
#include "placement/hardware.h"
#include "proto/apps.h"
#include "proto/channel.h"
#include "proto/key.h"
#include "proto/local.h"
#include "proto/pack.h"
#include "proto/space_record.h"
#include "proto/stream.h"
#include "proto/tls.h"

struct space;
struct link;
struct tree;
struct visitor;
struct client;
struct dial;
struct mirror;
struct leaving;

struct agent {
    struct event_base *base;
    int node;
    struct bp_key key;
    struct bp_tls_client *tls;
    char host[128];
    int port;
    struct sockaddr_in master; /* as resolved for the connection in use */
    struct link *link;         /* an attempt to join, or NULL */
    struct bp_channel *channel; /* joined, or NULL */
    uint32_t lease_ms;
    uint64_t lease_end_ms;
    struct event *retry;
    struct bp_tick *lease_tick;
    unsigned retry_ms;
    struct bp_hardware hardware;
    struct rlimit files; /* open files: the limits we came with */
    int topology; /* memory file for bpshepherds; -1: each finds out for itself */
    uint32_t cpu[BP_CPU_WORDS];
    int hfi; /* this node has a device that libpsm drives */
    struct space *spaces; /* by job */
    struct event *listener; /* where other nodes get images; NULL = nowhere */
    uint16_t relay_port;
    struct visitor *visitors; /* nodes that have not said for which job they come */
    unsigned visitor_count;
    /* of order.c */
    const char *reboot, *halt, *power_off; /* commands; NULL = refused */
    unsigned commands_running;
    struct sockaddr_in local; /* our end of the connection; family 0: as the kernel likes */
    int first_mounts;         /* namespace of the mounts we came with; -1: we are in it */
    char **restart_argv;
    uint64_t last_client; /* of relay.c */
    int restarting; /* exec ourselves when nothing runs here any more */
};

/* ---- join.c: the connection to bpmaster ---- */
void join_start(struct agent *agent);
/* Contact is lost, or must be given up: everything here ends, then a new attempt. */
void join_lost(struct agent *agent, const char *why);
void agent_send(struct agent *agent, const struct bp_frame *frame, const void *message);

/* ---- order.c: root's orders to this node ---- */
/* 0, 1 (the connection is gone), or what ends it. */
int order_frame(struct agent *agent, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err);
/* Become a new bpnode with the same arguments. */
_Noreturn void order_restart(struct agent *agent);

/* ---- topology.c: this node's hardware, from bptopo ---- */
int topology_read(struct agent *agent, struct bp_error *err);
/* A sealed memory file with all of this node's topology as hwloc XML, or negative errno. */
int topology_export(struct bp_error *err);

/* ---- cpu.c: what its CPUs can do ---- */
#define CPU_LACKS "BPMIX_CPU_LACKS" /* for tests: "NODE:FEATURE,...", as if these were not there */
int cpu_read(struct agent *agent, struct bp_error *err);

/* ---- lease.c ---- */
void lease_renew(struct agent *agent, uint64_t number);
void lease_start(struct agent *agent, uint32_t lease_ms);
void lease_stop(struct agent *agent);

/* ---- space.c: a job's space on this node, as bpnode sees it ---- */
struct rank {
    struct space *space;
    uint64_t serial;
    uint32_t rank, local;
    int32_t pid;
    uint8_t created, exited, reported;
    int32_t status;
    uint64_t cpu_us;
    uint32_t maxrss_kib;
    uint8_t *cpus, *mems;
    size_t mem_bytes;
    uint32_t *gpus; /* indexes into the agent's devices */
    size_t gpu_count;
    size_t cpu_bytes;
    int input;  /* write end of its stdin pipe; -1 = none */
    int input_peek; /* a read end of it, to count what nobody read */
    int output[2]; /* read ends of stdout and stderr; -1 = at their end */
    uint8_t dry[2]; /* nothing left in that pipe that the rank itself wrote */
    uint8_t said_dry;
    struct event *input_event, *output_event[2];
    struct event *linger; /* it has ended, a launcher that it left may have to write more */
    struct evbuffer *stdin_data;
    uint8_t stdin_end;
    uint8_t has_terminal; /* input and output[0] are its other end */
    struct event *again;  /* types end-of-file there once more */
    uint32_t again_ms;
    UT_hash_handle hh;
};

enum space_state { SPACE_SETUP, SPACE_READY, SPACE_CLOSING, SPACE_DEAD };

struct space {
    struct agent *agent;
    uint64_t job;
    enum space_state state;
    Bpmix__SpaceOpen *open;
    uint32_t *ranks_here; /* by local rank */
    struct bp_app_rank *app_ranks; /* by rank, each one's program; NULL: there is only one */
    size_t rank_total;    /* ranks of the whole job */
    unsigned node_rank;   /* index of this node in the map */
    int fd;               /* to bpspace */
    pid_t pid;
    int pidfd;
    struct event *event, *pid_event;
    uint64_t seen_ms; /* last answer to a lease */
    struct rank *ranks; /* by serial */
    Bpmix__ProcCreate *waiting; /* to be created when all is ready */
    struct bp_space_record *early; /* signals to those that wait */
    size_t early_count, early_size;
    struct bp_channel *shepherd;
    int shepherd_fd; /* its end, until it is started */
    uint8_t shepherd_ready;
    uint8_t shepherd_held; /* not read until bpmaster has taken what came before */
    Bpmix__PmixReady *shepherd_env;
    uint64_t ping, pong_ms;
    struct bp_stream *stream;
    struct bp_tls_client *stream_tls;
    int stream_fd; /* while it connects */
    struct event *stream_event;
    uint8_t stream_done; /* broken, ended or never to be */
    struct {
        int fd;              /* memory file; -1 = nothing there yet, or given away */
        uint64_t bytes, got; /* of the whole, 0 = its head is not there yet; so far */
        uint64_t checked;    /* so much of that is what the launcher sent */
        uint8_t *digests;    /* of its pieces, where other nodes pass it on */
        size_t digest_bytes, digest_size;
        uint8_t ended;       /* no more will come */
        uint8_t whole;       /* sealed and checked */
        uint8_t given;       /* bpspace has it, whole */
        int gate;            /* where processes wait for it; -1 = they do not */
        size_t at_gate;      /* so many */
        struct bp_error failed; /* code 0 = not, so far; else why there will be none */
    } image;
    struct leaving *leaving; /* images of processes that leave this node */
    struct {                  /* stdin for all ranks here */
        uint64_t place;       /* so much of it came before PASS */
        struct bp_flow *flow; /* from then on; NULL = there was none */
        uint8_t fed;          /* the node above sends it, and the launcher knows */
        uint8_t left;         /* nobody here needs it any more */
        uint8_t ended;        /* all of it is here */
    } input;
    struct tree *tree; /* NULL: image and stdin come from the launcher alone */
    uint8_t stopped[3];  /* channels that nobody reads */
    int cause;           /* why it ended, of JobEvent's kinds; 0 = as ordered */
    char text[192];
    uint8_t master_told;
    /* A guest has no bpspace and no data connection: it uses those of another job's space, its
     * host's. bpspace knows its processes by numbers of its own, guest.c. */
    struct space *host;   /* NULL = this is no guest */
    uint32_t number;      /* of the guest; 0 = no guest */
    uint32_t last_guest;  /* number of the last one that came here */
    uint32_t settings;    /* number of the guest whose strings and limits bpspace has */
    struct event *relay_event; /* accepts; NULL = nobody can ask from there */
    struct client *clients;
    struct mirror *mirrors;
    unsigned client_count;
    UT_hash_handle hh;
};

void space_open(struct agent *agent, uint64_t job, Bpmix__SpaceOpen *take_open);
struct space *space_find(struct agent *agent, uint64_t job);
/* The name of a file in place of a rank's descriptor, for the caller to free; with rank -1 its
 * letter is left. */
char *space_file_name(const struct space *space, const Bpmix__OpenFile *file, int64_t rank);
/* More MPI ranks than CPUs, and the user has not said that they should spin. */
int space_is_crowded(const struct space *space);
void space_create(struct space *space, Bpmix__ProcCreate *take_create);
void space_signal(struct space *space, uint64_t serial, const Bpmix__ProcSignal *signal);
/* End it. cause 0: as ordered; else one of JobEvent's kinds, and text says why. */
void space_close(struct space *space, int cause, const char *text);
void space_lease(struct space *space);
/* Everything is ready for ranks: create those that wait. */
void space_go(struct space *space);
/* SETUP, or the same for a guest. 0 or -errno. */
int space_send_setup(struct space *space, unsigned type);
void space_send_record(struct space *space, const struct bp_space_record *record,
                       const void *payload, const int *fds, unsigned fd_count);
/* A frame to bpmaster about this job. */
void space_tell(struct space *space, unsigned type, uint64_t tag, const void *message);
/* Free it if nothing is left to do for it. */
void space_check_end(struct space *space);

/* ---- app.c: a rank's own program, where the job has several ---- */
int app_prepare(struct space *space, struct bp_error *err);
/* NULL: it runs the job's. */
const Bpmix__App *app_of(const struct rank *rank);
/* A word of that program, as this rank gets it; the caller frees it. */
char *app_word(const struct rank *rank, const char *word);
/* ---- guest.c: jobs in the space of another one ---- */
/* The space whose bpspace and data connection this one uses: its host, or itself. */
struct space *guest_host(struct space *space);
/* It is open: find its host, and be ready when that is. */
int guest_init(struct space *guest, struct bp_error *err);
/* The host has its data connection: ask for images of guests. */
void guest_connected(struct space *host);
/* The host is ready. */
void guest_ready(struct space *host);
/* bpspace's number of a process, and back: the space whose process it is (NULL = none's any more),
 * and that one's own number of it. */
uint64_t guest_serial(const struct space *space, uint64_t serial);
struct space *guest_of_serial(struct space *host, uint64_t *serial);
/* The next orders to bpspace are this one's. 0 or -errno. */
int guest_settle(struct space *space);
/* End its processes, but not the space. */
void guest_close(struct space *guest);
/* One of its processes has ended. */
void guest_check(struct space *guest);
/* The host is dead: so are they. */
void guest_host_dead(struct space *host);
/* The guest whose rank 0, or which itself (a stay), has this number on the data connection; NULL =
 * there is none. */
struct space *guest_by_number(struct space *host, uint32_t number);
/* Do it for the host and its guests. */
void guest_each(struct space *host, void (*act)(struct space *space));

/* ---- leave.c: processes go on to other nodes ---- */
/* Take an image, which came beside the question of this connection. 0 or -errno. */
int leave_take(struct space *space, uint64_t client, struct bp_local_message *message,
               struct bp_error *err);
/* The launcher of this space wants one, for this stay, of this job or of one that its processes
 * have opened; body: which. */
void leave_wanted(struct space *space, uint32_t stay, const uint8_t body[8]);
/* More can go. */
void leave_send(struct space *space);
/* This connection has ended, or its question was answered; or all have. */
void leave_drop(struct space *space, uint64_t client);
void leave_done(struct space *space);

/* ---- rank.c: a rank's creation, its end ---- */
/* gate: where it waits for its image; -1: that is whole, or there is none. */
void rank_create(struct space *space, const Bpmix__Proc *proc, int gate);
/* cpus: its mask, as the kernel has it. */
void rank_created(struct rank *rank, const void *cpus, size_t length);
/* why: a sentence, or NULL. */
void rank_failed(struct rank *rank, int errnum, int step, const char *why);
void rank_exited(struct rank *rank, const struct bp_space_record *record);
/* A process of the space that had a job of its own has gone. */
void rank_launcher_gone(struct space *space);
/* Report the end if it has ended and its output is drained. */
void rank_check_end(struct rank *rank);
void rank_free(struct rank *rank);

/* ---- stdio.c: the ranks' pipes ---- */
int stdio_open(struct rank *rank, int fds[3]);
void stdio_watch(struct rank *rank);
void stdio_wanted(struct rank *rank);
void stdio_left(struct rank *rank);
/* The space is dead: take all that is in the pipes. */
void stdio_finish(struct rank *rank);
void stdio_drain(struct rank *rank);
void stdio_resume(struct space *space);
void stdio_stop(struct space *space, unsigned channel);
/* stdin for all ranks here, length 0 = its end. 0 or -EMSGSIZE: more than a rank's window. */
int stdio_all(struct space *space, const uint8_t *bytes, size_t length, int end);
/* 1 = some rank here has not come to the end of its stdin. */
int stdio_reads(const struct space *space);
/* stdin for a rank; 0, or an error that ends the data connection. */
int stdio_data(struct space *space, uint32_t number, const uint8_t *bytes, size_t length, int end);
void stdio_close(struct rank *rank);

/* ---- terminal.c: the pseudo terminal of a rank ---- */
/* Make it: *ret_fd for the rank, the others to type to it and to see what it shows. */
int terminal_open(struct rank *rank, int *ret_fd, int *ret_input, int *ret_output);
void terminal_resize(struct space *space, uint32_t number,
                     const uint8_t body[BP_STREAM_SIZE_BYTES]);
/* All has been typed: who reads on sees the end of the file. */
void terminal_end_input(struct rank *rank);
void terminal_close(struct rank *rank);

/* ---- data.c: the data connection to the launcher ---- */
void data_open(struct space *space);
/* For connections to the launcher or to the node above; NULL: they are plain. */
SSL_CTX *data_client(const struct space *space);
void data_send(struct space *space, unsigned kind, unsigned channel, uint32_t rank,
               const void *body, size_t length);
/* The same about a stay, from here or to here. */
void data_send_stay(struct space *space, unsigned kind, uint32_t stay, const void *body,
                    size_t length);
int data_is_full(struct space *space);
/* No more will be sent: close when all is with the launcher. */
void data_end(struct space *space);
void data_free(struct space *space);

/* ---- image.c: the image that the job's ranks start from ---- */
/* It has to come, and is not whole yet. */
int image_is_due(const struct space *space);
/* Its next bytes, 0 of them: there are no more. 0, or an error that ends the connection. */
int image_piece(struct space *space, const uint8_t *bytes, size_t length);
/* SHA-256 of its next pieces. The same. */
int image_digests(struct space *space, const uint8_t *bytes, size_t length);
/* Forget what is not checked; the place from which on it must come again. */
uint64_t image_back(struct space *space);
/* No more of it will come. */
void image_lost(struct space *space);
/* Processes can be made before it is whole: they wait at a gate, which opens when it is. 0; or
 * -errno: they cannot. *ret_gate is the caller's. */
int image_gate(struct space *space, size_t processes, int *ret_gate);
/* Let go of it if nobody needs it here any more. */
void image_spare(struct space *space);
void image_free(struct space *space);

/* ---- flow.c: stdin for all ranks ---- */
/* FLOW, PASS and PIECE of the launcher. 0, or an error that ends the data connection. */
int flow_data(struct space *space, const uint8_t *body, size_t length);
int flow_pass(struct space *space);
int flow_piece(struct space *space, const uint8_t *body);
/* Nodes pass it on, and it is not at its end. */
int flow_is_due(const struct space *space);
void flow_free(struct space *space);

/* ---- tree.c: a big image, or stdin, passes from node to node ---- */
struct tree_cargo { /* what is passed on */
    unsigned want;  /* the kind of message that asks for it */
    int (*is_due)(const struct space *space);
    /* Where what is not here begins; the same after forgetting what is not checked. */
    uint64_t (*place)(const struct space *space);
    uint64_t (*back)(struct space *space);
    int (*is_waiting)(const struct space *space); /* for something that should come */
    /* From above. 0, or an error: then the launcher is asked. */
    int (*take)(struct space *space, const struct bp_stream_head *head, const uint8_t *body);
    /* What is checked, for a node below, from *offset on: 1 = that was all, 0, or -errno. */
    int (*feed)(struct space *space, struct bp_stream *below, uint64_t *offset);
};
extern const struct tree_cargo image_cargo, flow_cargo;
void tree_new(struct space *space);
/* The launcher's data connection is there: get it, from above or from the launcher. */
void tree_start(struct space *space);
/* 1 = it is the launcher who sends it. */
int tree_is_launchers(const struct space *space);
void tree_pause(struct space *space, int paused);
/* More is checked (or it has failed): tell those below. */
void tree_pass(struct space *space);
/* What came from above is something else. */
int tree_refuse(struct space *space);
/* Nothing more is needed from above. */
void tree_stop(struct space *space);
/* 1 = a node below is there. */
int tree_has_below(const struct space *space);
/* 1 = somebody below needs the image. */
int tree_is_needed(const struct space *space);
/* A node below has come, with the right ticket. */
void tree_accept(struct space *space, int take_fd);
/* With each lease: does the node above hang? */
void tree_look(struct space *space);
void tree_free(struct space *space);

/* ---- visitor.c: the port where other nodes get images ---- */
/* Listen on the address that this connection to bpmaster has here. */
void visitor_listen(struct agent *agent, int joined_fd);
void visitor_stop(struct agent *agent);
/* A space is there: let in who waits for it. */
void visitor_admit(struct space *space);

/* ---- relay.c: libbproc in a space ---- */
/* Before any process of the user is in the space. */
void relay_open(struct space *space);
/* Let more in, where there is room again. */
void relay_resume(struct space *space);
void relay_close(struct space *space);
/* 1 = a process that this rank is, or has left, has a job of its own. */
int relay_has_launcher(const struct rank *rank);
/* What bpmaster says to one of them. 0, or an error that ends the connection to bpmaster. */
int relay_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err);

/* ---- dial.c: data connections of launchers in a space ---- */
/* One to bpmaster, with the ticket of a JOB_STREAM; the launcher gets it, beside that frame, from
 * `client`. 0, or an error that ends the connection to bpmaster. */
int dial_open(struct space *space, int client, struct dial **list, const struct bp_frame *frame,
              const uint8_t *body, struct bp_error *err);
void dial_free(struct dial *dial);

/* ---- mirror.c: herders of placeholders ---- */
/* The end for the herder of a new herd, or -errno. */
int mirror_open(struct space *space, uint64_t number);
void mirror_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body);
/* With each lease: read on where that was stopped. */
void mirror_resume(struct space *space);
void mirror_close(struct space *space);

/* ---- asker.c: who asks ---- */
/* The rank that this process (a PID here) is, or comes from; else any that runs here: its PID in
 * the process space. 0 = none. */
pid_t asker_rank(struct space *space, pid_t pid);
/* The same for that process itself; 0 = it is none that bpmaster knows. */
pid_t asker_self(struct space *space, pid_t pid);

/* ---- shepherd.c: the job's bpshepherd ---- */
/* Its socket, so that frames for it can wait; then the program, when the space is ready. */
void shepherd_prepare(struct space *space);
void shepherd_start(struct space *space);
void shepherd_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body);
void shepherd_ping(struct space *space);
const Bpmix__RankEnv *shepherd_rank_env(const struct space *space, uint32_t rank);

#endif
