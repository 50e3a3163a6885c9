/* SPDX-License-Identifier: BSD-3-Clause */
/* job_inner.h - what job.c (bpmaster's side of a job) and job_data.c (its connections) share. */
#ifndef BP_LIB_JOB_INNER_H
#define BP_LIB_JOB_INNER_H

#include <utlist.h>

#include "lib/job.h"
#include "proto/key.h"
#include "proto/tls.h"

struct wet;
struct stay; /* a process that has gone on, on its node */
struct input;

struct data { /* the data connection of one node */
    struct bp_job *job;
    int node;
    struct bp_stream *stream;
    struct data *prev, *next;
};

enum bp_moved { BP_MOVED_SETS_OUT = 1, BP_MOVED_WENT = 2 };

struct part { /* of the job, on one node of its map */
    uint64_t image_offset; /* so much of the image is on its way there */
    size_t digest_bytes;   /* so much of its pieces' digests is */
    uint8_t wants_image;   /* it has asked, or need not ask, and the end is not yet on its way */
    uint8_t sent;          /* it has the image, or will take no more of it */
    uint8_t whole;         /* its data came to their proper end */
    uint8_t gone;          /* a guest's: nothing more can come from there */
    uint8_t lost;          /* the node is lost, its data connection may never end */
    uint8_t fed;           /* with the stdin of all, by the node above it */
};

struct want { /* of the image of a guest or a stay, by a node that was faster than we are */
    int node;
    uint32_t first; /* or the stay's number */
    struct want *prev, *next;
};

struct bp_job {
    struct event_base *base;
    struct bp_job_events events;
    void *arg;
    int fd;
    struct event *event;
    uint64_t id;
    Bpmix__JobMap *map;
    struct part *parts; /* by node of the map */
    size_t map_nodes;   /* as it came; then those that its processes went to */
    struct bp_key key;
    SSL_CTX *tls;
    struct data *data;     /* none of a guest: it uses its host's */
    struct bp_job *host;   /* NULL = it is no guest */
    struct bp_job *guests;
    struct want *wants;
    unsigned want_count;
    struct stay *stays; /* of its processes and its guests' */
    struct wet *wet; /* by rank; NULL = nothing is known of any */
    uint8_t *moved; /* by rank, enum bp_moved; NULL = none has */
    int paused, ended;
    int end_due; /* bpmaster has said so */
    int stopped[3];
    struct bp_sending *sending; /* the image, or NULL */
    int relay;        /* the nodes pass it on, and ask for it where they need it */
    int passes;       /* the nodes can pass stdin on */
    struct input *input; /* stdin of all ranks; NULL = none was sent */
    char broken[160]; /* why the last data connection that broke did */
    struct bp_job *prev, *next; /* other guests */
};

/* The job's part on a node; NULL = it has none there. */
struct part *bp_job_part(struct bp_job *job, int node);

/* Take what bpmaster has said of it already. */
void bp_job_hear(struct bp_job *job);

/* Connections and what they carry. */
int bp_job_data_init(struct bp_job *job, struct bp_error *err);
void bp_job_data_add(struct bp_job *job, int node, int take_fd);
/* A node is lost: what it has sent is read, no more will come. */
void bp_job_data_lost(struct bp_job *job);
void bp_job_data_done(struct bp_job *job);
/* A guest has come: what nodes have asked for its image already? */
void bp_job_data_welcome(struct bp_job *guest);
/* One of its processes goes to another node; is there now, or did not go. */
void bp_job_data_moving(struct bp_job *job, const Bpmix__JobEvent *event);
void bp_job_data_moved(struct bp_job *job, const Bpmix__JobEvent *event);
/* A process comes home, or does not any more. */
void bp_job_data_fetch(struct bp_job *job, const Bpmix__JobEvent *event);
/* A job's connection to a node; NULL = there is none. */
struct data *bp_job_data_find(const struct bp_job *job, int node);
/* Somebody wants what is not known yet. */
void bp_job_keep_want(struct bp_job *host, int node, uint32_t number);
/* What a node says of the stdin of all. 0 or -EPROTO. */
int bp_job_input_said(struct bp_job *job, const struct data *data,
                      const struct bp_stream_head *head, const uint8_t *body);
void bp_job_input_free(struct bp_job *job);
void bp_job_drained(struct bp_job *job, uint32_t rank);
/* It is on this node too; at home; that node, or its connection, has said the last of it. */
void bp_job_dry_moved(struct bp_job *job, uint32_t rank, int node);
void bp_job_dry_home(struct bp_job *job, uint32_t rank);
void bp_job_dry_heard(struct bp_job *job, uint32_t rank, int node);
void bp_job_dry_closed(struct bp_job *job, int node);
void bp_job_dry_done(struct bp_job *job);
/* Tell the source of the image when nobody needs it any more. */
void bp_job_check_sent(struct bp_job *job);

/* Stays. is_wanted: its node has asked for the image already. */
void bp_job_stay_open(struct bp_job *job, const Bpmix__JobEvent *event, int is_wanted);
void bp_job_stay_failed(struct bp_job *job, uint32_t number);
int bp_job_stay_heard(struct bp_job *host, struct data *data, const struct bp_stream_head *head,
                      const uint8_t *body, struct bp_error *err);
/* This node is read, unless somebody cannot take what it sends. */
void bp_job_stays_read(struct bp_job *host, int node);
/* The connection of this node has come, or has room again. */
void bp_job_stays_look(struct bp_job *host, int node);
void bp_job_stays_node_gone(struct bp_job *host, int node);
/* 1 = something may still come from one. */
int bp_job_has_stays(const struct bp_job *job);
void bp_job_stays_done(struct bp_job *job);

#endif
