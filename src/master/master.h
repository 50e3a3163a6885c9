/* SPDX-License-Identifier: BSD-3-Clause */
/* master.h - what the files of bpmaster share: the master, its nodes, jobs, processes, tools. */
#ifndef BP_MASTER_MASTER_H
#define BP_MASTER_MASTER_H

#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>
#include <uthash.h>
#include <utlist.h>

#include "common/cpu.h"
#include "common/error.h"
#include "master/config.h"
#include "master/herd.h"
#include "master/home.h"
#include "master/nested.h"
#include "master/onward.h"
#include "master/rights.h"
#include "placement/placement.h"
#include "proto/channel.h"
#include "proto/ghost_record.h"
#include "proto/key.h"
#include "proto/local.h"
#include "proto/pack.h"
#include "proto/tls.h"

#define BP_NODE_BYTES (BP_NODES_MAX / 8) /* a bit for each node */

struct machine;
struct node;
struct job;
struct tool;
struct ticket;
struct pending;
struct publication;
struct lookup;
struct joining;
struct attribute;
struct order;
struct nested;
struct mirror;
struct splice;
struct queue;
struct waiter;

struct master {
    struct event_base *base;
    struct bp_config config;
    const char *config_path;
    struct bp_key cluster_key;
    SSL_CTX *tls;
    char address[64];     /* that bpmaster listens on */
    struct bp_rights rights; /* of the master itself */
    uint32_t cpu[BP_CPU_WORDS]; /* too: what its CPUs can do */
    struct attribute *attributes;
    struct node *nodes[BP_NODES_MAX]; /* by number; NULL = not configured */
    struct machine *machines;         /* by boot id */
    struct job *jobs;                 /* by id */
    struct stay *stays;               /* by id, which no job has */
    struct tool *tools;
    struct ticket *tickets;
    struct homing *homings; /* processes that come home */
    struct resident *residents; /* that are there */
    struct splice *splices; /* data connections of launchers on nodes */
    struct pending *pending; /* connections that have not said who they are */
    unsigned pending_count;
    struct publication *publications;
    struct lookup *lookups;
    struct order *orders; /* to nodes, not answered yet */
    uint64_t last_order;
    char **libraries;
    unsigned library_count;
    struct queue *queue;
    uint64_t next_job, last_mirror, last_stay;
    uint64_t lease_number;
    struct event *tcp_event, *local_event;
};

/* ---- node.c: who is there ---- */
enum node_state { NODE_DOWN, NODE_UP, NODE_LOST };

struct node {
    struct master *master;
    int number;
    char name[64];
    enum node_state state;
    struct bp_channel *channel; /* while up */
    char hostname[64], release[64], address[64];
    char label[16]; /* a state other than up that root has given it while it is up; "" = none */
    struct bp_rights rights;
    struct attribute *attributes;
    uint8_t removed; /* no longer configured; goes when nothing points to it */
    struct machine *machine;
    struct bp_hardware hardware; /* of the last JOIN */
    uint32_t cpu[BP_CPU_WORDS];  /* too: what its CPUs can do */
    int hfi; /* has a device of libpsm */
    uint32_t pid_max;
    uint16_t relay_port; /* where other nodes get images; 0 = nowhere */
    unsigned jobs;
    uint64_t seen_ms;    /* the last LEASE_SEEN */
    uint64_t seen_lease; /* its number */
    uint64_t sent_lease; /* the last LEASE sent */
    uint64_t gone_ms;    /* state LOST: when its spaces have certainly ended */
    struct joining *joining; /* connections with its name that have not proved it */
    unsigned joining_count;
};

void node_add(struct master *master, int number);
/* It is not configured any more: it loses its connection, and is freed when no job knows it. */
void node_remove(struct node *node);
void node_free(struct node *node);
/* NULL = there is no such node. */
struct node *node_get(const struct master *master, int number);
/* down, lost, up, or the state that root has given it. */
const char *node_state(const struct node *node);
/* A connection of this node has passed TLS: from now on frames. */
void node_accept(struct master *master, int number, int fd, const char *address);
/* 1 = another connection for this number must be refused. */
int node_is_alive(const struct node *node);
void node_send(struct node *node, const struct bp_frame *frame, const void *message);
/* The same with a body that is packed already, of frame->length bytes. */
void node_send_bytes(struct node *node, const struct bp_frame *frame, const uint8_t *body);
/* Every quarter of a lease; then who is silent is judged. late: bpmaster was held up itself. */
void node_send_leases(struct master *master);
void node_tick(struct master *master, int late);
unsigned node_count_up(const struct master *master);
void node_list(struct master *master, Bpmix__NodeList *ret_list);
void node_list_done(Bpmix__NodeList *list);

/* ---- relay.c: tools on nodes ---- */
int relay_frame(struct job *job, struct node *node, const struct bp_frame *frame,
                const uint8_t *body, struct bp_error *err);
void relay_send(const struct tool *tool, const struct bp_frame *frame, const uint8_t *body);
/* It watches: told that nodes or configuration are not what they were, or hung up on. */
void relay_changed(struct tool *tool);
/* The end of all tools on this node, or of this job (NULL: of none). */
void relay_gone(struct master *master, const struct node *node, const struct job *job);

/* ---- reload.c ---- */
/* Read the configuration again. A bad one is logged and changes nothing. */
void reload(struct master *master, const char *path);

/* ---- admin.c: what tools change and ask about nodes ---- */
int admin_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err);
struct bp_person tool_person(const struct tool *tool);
void attributes_free(struct attribute **list);
/* Nodes or configuration are not what they were: tell those who watch. */
void watch_changed(struct master *master);

/* ---- order.c: root's orders to nodes ---- */
int order_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err);
int order_answered(struct node *node, const struct bp_frame *frame, const uint8_t *body,
                   struct bp_error *err);
void order_node_gone(struct node *node);
void order_tool_gone(struct tool *tool);

/* ---- roster.c: lists for tools ---- */
int proc_list_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err);
int library_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                  struct bp_error *err);
void libraries_clear(struct master *master);
/* The file that libbproc looks at when it captures a process: as the list is. */
int libraries_publish(const struct master *master, struct bp_error *err);

/* ---- machine.c: CPUs in use; nodes with one boot id share a machine ---- */
struct machine {
    char boot_id[40];
    unsigned id;
    unsigned references; /* nodes */
    uint16_t *used;      /* jobs that have each PU */
    struct device *devices; /* that a job has or had */
    unsigned pus;
    uint8_t kept;   /* for a job that waits; only while somebody looks */
    uint64_t freed; /* when CPUs became free, in steps of the queue */
    UT_hash_handle hh;
};
struct machine *machine_get(struct master *master, const char *boot_id, unsigned pus);
void machine_put(struct master *master, struct machine *machine);
struct device { /* a GPU; nodes that share a machine may count them differently */
    char id[BP_DEVICE_NAME_MAX];
    unsigned used; /* jobs that have it */
    struct device *next;
};
/* It belongs to the machine, and stays as long. */
struct device *machine_device(struct machine *machine, const struct bp_device *device);
/* Which of a node's devices are in use, by index, as a mask; free() it. */
uint8_t *machine_device_mask(const struct machine *machine, const struct bp_hardware *hardware,
                             size_t *ret_bytes);
/* Add delta (+1 or -1) to every PU of the mask. */
void machine_use(struct machine *machine, const uint8_t *mask, size_t bytes, int delta);
/* The PUs in use as a mask; free() it. */
uint8_t *machine_mask(const struct machine *machine, size_t *ret_bytes);
unsigned machine_used(const struct machine *machine);

/* ---- proc.c: the life of a process, as a table ---- */
enum proc_state {
    PROC_RESERVED, PROC_STARTING, PROC_RUNNING, PROC_STOPPED, PROC_HELD, PROC_GONE, PROC_STATES
};
enum proc_event {
    PROC_CREATE,  /* the node is told to create it */
    PROC_CREATED, /* the node did */
    PROC_FAILED,  /* the node could not */
    PROC_KILL,    /* its ghost was killed */
    PROC_STOP, PROC_CONT,
    PROC_EXIT,    /* it ended, or its node's space did */
    PROC_EVENTS
};
enum proc_action {
    ACT_NONE, ACT_CREATE, ACT_KILL, ACT_MIRROR, ACT_END, ACT_REFUSE
};
struct proc_step {
    uint8_t next;   /* enum proc_state */
    uint8_t action; /* enum proc_action */
};
struct proc_step proc_step(enum proc_state state, enum proc_event event);
const char *proc_state_name(enum proc_state state);
struct proc;
/* It is stopped, or not, and a SIGCONT is on its way to it: its node will say what then became of
 * it. Until then its ghost is not stopped. */
int proc_goes_on(const struct proc *proc);

struct herd;
struct proc { /* a rank */
    struct herd *herd; /* who has its ghost, in this slot; NULL = nobody (any more) */
    uint32_t slot;
    uint32_t rank;
    unsigned place; /* index in job->places */
    uint32_t local; /* local rank */
    int32_t pid;    /* its ghost's; 0 = not yet known */
    uint8_t state;  /* enum proc_state */
    struct stay *stay; /* where it is, when it has gone on; NULL = in its place */
    struct trip *trip; /* it is on its way to another node */
    uint8_t leaving;   /* it has left its place, but is not gone from there yet */
    uint8_t stop_due;  /* it was sent SIGSTOP, and has not stopped yet */
    uint32_t continues; /* SIGCONTs that its ghost has told of */
    uint32_t cont_sent; /* number of the last one that was sent to it where it is; 0 = none */
    uint32_t cont_had;  /* of the last one that it had got when it last stopped there */
    uint8_t ghost_gone;
    uint8_t finalized; /* PMIx */
    int32_t status;
    uint64_t waiting; /* signals that wait for its creation, a bit each */
    struct homing *homing; /* it is on its way home; NULL = it is not */
    struct resident *resident; /* it is at home; NULL = it is not */
    uint8_t *cpus, *mems; /* masks; 0 bytes = not bound */
    size_t cpu_bytes, mem_bytes;
    uint32_t *gpus; /* indexes into its node's devices */
    size_t gpu_count;
    uint32_t nic; /* the nearest one's index, plus 1; 0 = none */
};

/* ---- job.c: what one opener started ---- */
struct place { /* a node of a job */
    struct node *node;
    struct machine *machine; /* the node's when the job was placed; referenced */
    uint8_t opened, ended;
    uint8_t streamed, passed; /* the node has dialled its data connection; the launcher has it */
    uint64_t ended_ms;
    uint8_t *taken; /* CPUs of this job there */
    size_t taken_bytes;
    struct device **devices; /* and GPUs */
    unsigned device_count;
    unsigned ranks;
    uint8_t ticket[BP_TICKET_BYTES];
    uint8_t relay_ticket[BP_TICKET_BYTES]; /* of nodes that get the image from this one */
};

struct herd {
    struct job *job;
    int fd; /* our end; -1 when the herder has ended */
    int launcher_fd; /* the other end, until the launcher has it */
    struct event *event;
    unsigned first, count; /* ranks */
    unsigned born;
    int32_t pid;           /* the herder's, once it herds */
    int pidfd;             /* and a handle on it; -1 = none yet */
    uint64_t seen_ms;      /* its last PONG */
    uint64_t ping;
    uint8_t stuck;
    struct bp_ghost_record *queue; /* not yet taken by the socket */
    unsigned queued, queue_size;
    struct event *write_event;
    struct bred *bred;     /* by slot - count: ghosts made on order; NULL = never one */
};

struct waiting_signal {
    uint64_t serial; /* 0 = all */
    Bpmix__ProcSignal signal;
    struct waiting_signal *prev, *next;
};

struct job {
    struct master *master;
    uint64_t id;
    char nspace[64];
    struct tool *tool; /* NULL when the launcher has gone */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    unsigned group_count;
    int32_t launcher, group, session;
    Bpmix__JobRequest *request;
    uint32_t cpu[BP_CPU_WORDS]; /* what a node's CPU must have for its image */
    struct bp_key key;
    struct proc *procs;
    unsigned proc_count, live; /* live: not GONE */
    struct place *places;
    unsigned place_count, open_places;
    struct herd *herds;
    unsigned herd_count, herds_open, herds_ready;
    unsigned bred;   /* ghosts that herders of other jobs have, or are making */
    unsigned unborn; /* of these: not there yet */
    struct mirror *mirror; /* its launcher is on a node; NULL = it is here */
    struct nested *nested; /* opened by a process on a node, and not answered yet */
    uint64_t parent;       /* the job of that process; 0 = opened here */
    struct waiting_signal *signals; /* to be sent when the processes are created */
    uint32_t last_cont;             /* number of the last SIGCONT to any of them */
    uint64_t waiting;               /* those of them that are for all, a bit each */
    unsigned queued;                /* real-time signals among them: each one counts */
    struct job *host;  /* whose spaces it uses, inside.c; NULL = it has its own */
    unsigned guests;   /* jobs whose host this is */
    uint32_t first;    /* number of rank 0 on the host's data connections */
    uint32_t guest_ranks; /* of all guests so far */
    struct stay *stays; /* of processes that have gone on */
    uint8_t kept;      /* it lasts without processes, until its launcher releases it */
    struct waiter *waiter;          /* it waits for its turn, without places; NULL = it had it */
    uint8_t homed;  /* a process of it came home */
    uint8_t created, closing, ended;
    uint8_t connected; /* one of its ranks has called PMIx_Init */
    uint8_t orphaned; /* the launcher's process group is */
    int32_t in_place; /* the launcher becomes the ghost of the one process: its PID; else 0 */
    uint8_t yield;  /* more ranks than CPUs somewhere */
    uint8_t plain;  /* data connections without TLS, as the configuration was when it was opened */
    uint8_t shared; /* and so the ranks of a node share its CPUs */
    uint8_t no_hfi; /* no node has a device of libpsm */
    uint64_t start_ms, ended_ms;
    UT_hash_handle hh;
};

struct job *job_find(struct master *master, uint64_t id);
/* End everything of the job; text (or NULL) is told to the launcher. */
void job_close(struct job *job);
void job_tool_gone(struct job *job);
/* Frames from a node, the job and the place being checked. */
int job_node_frame(struct job *job, struct place *place, const struct bp_frame *frame,
                   const uint8_t *body, struct bp_error *err);
struct place *job_place(struct job *job, const struct node *node);
/* The node's space has ended, or its lease with it. */
void job_place_ended(struct job *job, struct place *place, int kind, const char *text);
void job_node_gone(struct master *master, struct node *node, const char *text);
/* Contact with the node is lost; its processes may still run. */
void job_node_lost(struct master *master, struct node *node, const char *text);
/* Signal of a rank's ghost (proc), or of all (NULL). */
void job_signal(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal);
void job_proc_event(struct job *job, struct proc *proc, enum proc_event event, int32_t status,
                    const Bpmix__JobEvent *more);
/* To the launcher; of the text only the first part. */
void job_tell(struct job *job, const Bpmix__JobEvent *event);
/* All ghosts of all herds are there. */
void job_create(struct job *job);
void job_check_end(struct job *job);
/* Close it if nothing is left to do for it. */
void job_check_idle(struct job *job);
void job_connected(struct job *job); /* a rank of it, to PMIx */
/* Signals that waited: of this process, or (NULL) all. */
void job_flush_signals(struct job *job, const struct proc *proc);
/* 0, or -EPROTO: no wait status of an end. */
int job_check_status(int32_t status, struct bp_error *err);
/* What a node says of a process that is there. */
int job_proc_frame(struct job *job, struct proc *proc, const struct bp_frame *frame,
                   const uint8_t *body, struct bp_error *err);
void job_free(struct job *job);

/* ---- open.c: a request for a job ---- */
void job_open(struct tool *tool, const struct bp_frame *frame, Bpmix__JobRequest *take_request);
/* Does it make sense what a process wants to be elsewhere? */
int job_check_move(const Bpmix__JobMove *move, struct bp_error *err);

/* ---- start.c: a job that has its places begins ---- */
/* tag: of the launcher's request, which is answered with the map. */
/* The request with this tag is answered. */
void job_answer_map(struct job *job, uint64_t tag, char **warnings, size_t warning_count);
int job_start(struct job *job, uint64_t tag, char **warnings, size_t warning_count,
              struct bp_error *err);

/* ---- queue.c: jobs wait for their turn, first in, first out ---- */
void queue_init(struct master *master);
/* It is placed when it is its turn; the request with this tag is answered then. Refused, if it
 * cannot wait. */
void queue_add(struct job *job, uint64_t tag);
/* A job that waits is no more; why (or NULL) is told its launcher. Frees it. */
void queue_drop(struct job *job, int code, const char *why);
/* CPUs of this machine have become free. */
void queue_freed(struct master *master, struct machine *machine);
/* Nodes, or who may use them, are not what they were. */
void queue_changed(struct master *master);
/* Once a second: who waits is told what is new. */
void queue_tick(struct master *master);
/* Mark the machines that are kept for those that wait, for as long as somebody looks; end it. */
void queue_keep(struct master *master);
void queue_keep_nothing(struct master *master);
/* Its place in the line, from 1, and why it waits; 0 = it does not. */
unsigned queue_position(const struct job *job, const char **ret_reason);

/* ---- signal.c: to a whole job, from anywhere ---- */
int job_signal_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err);

/* ---- placing.c: a map is made by a child without keys, that bpmaster need not wait for ---- */
struct placing;
struct placed { /* what it found; r as of place_map */
    int r;
    struct bp_map *map;
    uint8_t nodes[BP_NODE_BYTES];
    struct bp_error err;
};
/* done is called once, later, but not after placing_free. NULL = no child (err). */
struct placing *placing_start(const struct job *job,
                              void (*done)(void *arg, struct placed *placed), void *arg,
                              struct bp_error *err);
void placing_free(struct placing *placing);

/* ---- job_list.c ---- */
void job_list(struct master *master, Bpmix__JobList *ret_list);
void job_list_done(Bpmix__JobList *list);

/* ---- open.c: the spaces of a job ---- */
/* The nodes make them while the launcher makes the ghosts. */
void spaces_open(struct job *job);
/* One more, for guests: the job itself has no process there. */
void spaces_open_one(struct job *job, unsigned index);

/* A space of the same job, or of its host, is there. */
void space_open_stay(const struct stay *stay, const Bpmix__JobMove *move);

/* ---- inside.c: jobs in the spaces of another one, the host's ---- */
/* A request says so: may it be? Sets job->host. -ESTALE: its launcher is not what it was. */
int inside_init(struct job *job, struct bp_error *err);
/* A place where nothing runs yet. */
void place_add(struct job *job, struct node *node);
/* It is placed: -ESTALE: the host had a space there, which has ended. */
int inside_check(const struct job *guest, struct bp_error *err);
/* The host gets a space wherever the guest has one. */
void inside_open(struct job *guest);
/* The host closes. */
void inside_close(struct job *host);
/* The guest is freed. */
void inside_gone(struct job *guest);

/* ---- tree.c: the tree by which nodes pass a big image on, in map order ---- */
/* The first ones get it from the launcher; who cannot be reached by others has nobody below it. */
void tree_prepare(struct job *job);
/* What the node of a place is told of it. Points into the job. */
void tree_fill(const struct job *job, unsigned index, Bpmix__Relay *relay);

/* ---- mirror.c: placeholders, children of a launcher on a node ---- */
/* Before the launcher gets its map. */
void mirror_open(struct job *job);
/* What became of the process: it ended, with this wait status; it was stopped (0: goes on). */
void mirror_end(const struct job *job, const struct proc *proc, int32_t status);
void mirror_stop(const struct job *job, const struct proc *proc, int signal);
/* The launcher got this signal itself. */
void mirror_forward(struct job *job, const Bpmix__JobForward *forward);
/* The ghost that was asked has told of all signals that it got. */
void mirror_told(struct job *job);
/* A ghost got this signal: its launcher may say the same. */
void mirror_witness(const struct job *job, const struct proc *proc,
                    const struct bp_ghost_record *record);
/* From the node that has the herd of this number for a job of `parent`. 0, or -EPROTO. */
int mirror_frame(struct job *parent, struct node *node, const struct bp_frame *frame,
                 const uint8_t *body, struct bp_error *err);
/* The space that had it is no more. */
void mirror_place_gone(struct job *parent, const struct node *node);
void mirror_tick(struct job *job, int late);
/* 1 = something is still there. */
int mirror_is_open(const struct job *job);
void mirror_free(struct job *job);

/* ---- splice.c: data connections of launchers on nodes ---- */
/* This one has come from the node of a rank: the launcher's node shall dial for it, when the job's
 * request was answered. */
void splice_open(struct job *job, int node, int take_fd);
/* It was: now it shall. */
void splice_tell(const struct job *job);
/* It has: the job (or NULL: there is no such ticket, or no job any more); takes fd if it is one. */
struct job *splice_join(struct master *master, const uint8_t *ticket, int fd, int *ret_node);
void splice_job_gone(struct job *job);
void splice_node_gone(struct master *master, const struct node *node);

/* ---- in_place.c: a job whose one process is its opener ---- */
/* It is there already, and its parent is not the opener but the opener's. 0, -EINVAL or -ESRCH. */
int in_place_init(struct job *job, struct bp_error *err);
/* What it leads, enum bp_space_leads: that it does on the node too, so no stub stands for it. */
uint32_t in_place_lead(const struct job *job, Bpmix__Launcher *launcher);

/* ---- hardware.c: what the nodes have, for tools ---- */
int hardware_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err);

/* ---- place.c: a request and the nodes -> a map ---- */
/* What runs and what waits is respected. -EAGAIN: it does not fit now, but would where nothing ran.
 * ret_nodes (or NULL): the nodes it could use, also then. */
int place_map(const struct job *job, uint8_t *ret_nodes, struct bp_map **ret_map,
              struct bp_error *err);
/* May this person place processes there, now? 0, or why not. */
int place_check_node(const struct master *master, int number, const struct bp_person *person,
                     struct bp_error *err);
/* The node is up, takes jobs of this user, and its CPU is good enough for this one. */
int job_may_enter(const struct job *job, const struct node *node);

/* ---- take.c: a map -> places and ranks of the job ---- */
/* -ESTALE: it does not hold any more. */
int place_take(struct job *job, const struct bp_map *map);
/* The CPUs of a place, or of all, are free for others. */
void place_leave(struct job *job, struct place *place);
void place_vacate(struct job *job);
void place_release(struct job *job);

/* ---- tool.c: local connections ---- */
struct packet;
struct tool {
    struct master *master;
    int fd;
    struct event *read_event, *write_event;
    struct packet *packets; /* not yet taken by the socket */
    size_t packet_bytes;
    pid_t pid;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    unsigned group_count;
    struct job *job;
    unsigned wait_up; /* a NODE_LIST waits until so many nodes are up; 0 = none does */
    uint64_t wait_tag;
    struct node *via; /* it is a process of via_job on this node: no fd, no events; NULL = here */
    struct job *via_job;
    uint64_t via_number;
    uint64_t mover_job; /* whose process it is that goes, or went, on; 0 = none */
    uint32_t mover_rank;
    int32_t asker; /* the process, of that job or a guest of it, that opened a job: its PID */
    uint8_t watching; /* changes of nodes are told */
    uint8_t told;     /* one was, and the tool has not read it yet */
    struct tool *prev, *next;
};
int tool_listen(struct master *master, struct bp_error *err);
/* Takes the descriptors. message may be NULL. */
void tool_send(struct tool *tool, struct bp_frame frame, const void *message, const int *take_fds,
               unsigned fd_count);
/* A node has come up: answer those that wait for it. */
void tool_node_up(struct master *master);
void tool_done(struct tool *tool, uint64_t tag);
/* What it said: does it, or refuses. */
void tool_message(struct tool *tool, struct bp_local_message *message);
void tool_free(struct tool *tool, const char *why);
void tool_refuse(struct tool *tool, uint64_t tag, int code, const char *text);

/* ---- listen.c: the TCP port ---- */
int listen_open(struct master *master, struct bp_error *err);
void listen_tick(struct master *master);
/* A new ticket for the data connection of this place. */
void ticket_add(struct master *master, struct job *job, struct place *place);
void ticket_drop(struct master *master, struct job *job);

/* ---- publish.c: PMIx publish and lookup across jobs of one user ---- */
int publish_frame(struct job *job, struct node *node, const struct bp_frame *frame,
                  const uint8_t *body, struct bp_error *err);
void publish_tick(struct master *master);
void publish_job_gone(struct job *job);

#endif
