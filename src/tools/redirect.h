/* SPDX-License-Identifier: BSD-3-Clause */
/* redirect.h - where the ranks' standard descriptors lead when it is not to the launcher's own. */
#ifndef BP_TOOLS_REDIRECT_H
#define BP_TOOLS_REDIRECT_H

#include "lib/job.h"

#define REDIRECT_LETTERS      "tnNhjuxs"
#define REDIRECT_NODE_LETTERS "tnNh" /* with one of these each rank opens its own, on its node */

enum redirect_kind {
    REDIRECT_OWN,  /* the launcher's own descriptor */
    REDIRECT_RANK, /* this too, of one rank alone */
    REDIRECT_NONE, /* /dev/null on the node */
    REDIRECT_HERE, /* a file that the launcher opens */
    REDIRECT_NODE, /* files that the ranks open */
};

struct redirect {
    struct redirect_end {
        enum redirect_kind kind;
        int said;      /* by the user */
        uint32_t rank; /* RANK */
        char *name;    /* HERE, NODE */
        int fd;        /* HERE, once it is open; else 0 */
    } ends[3];         /* by descriptor */
    int append;
    int merge; /* stderr goes where stdout goes, in the order in which both come */
    Bpmix__OpenFile rows[3], *list[3];
};

/* srun's words: all, none, the number of a rank, or the name of a file. 0, or -EINVAL. */
int redirect_set(struct redirect *redirect, int fd, const char *word, struct bp_error *err);
/* All is set: stderr goes where stdout goes, unless it was set. What the nodes do goes into the
 * request, which must not outlive this. */
void redirect_settle(struct redirect *redirect, Bpmix__JobRequest *request);
/* Open the launcher's files: those whose name has the job's number when it is known, the others
 * when it is 0. -errno with a sentence. */
int redirect_open(struct redirect *redirect, uint64_t job, struct bp_error *err);
/* -EINVAL if a rank is named that the job has not. */
int redirect_check(const struct redirect *redirect, uint32_t ranks, struct bp_error *err);
void redirect_done(struct redirect *redirect);

#endif
