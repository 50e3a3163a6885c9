/* SPDX-License-Identifier: BSD-3-Clause */
/* other_words.h - options of mpirun and srun that are others of bprun's, or nothing, or not had. */
#ifndef BP_TOOLS_OTHER_WORDS_H
#define BP_TOOLS_OTHER_WORDS_H

#include <argp.h>

#define OTHER_WORDS_PARSERS 6

struct other_words {
    struct argp argp; /* a child of the tool's; its input is this struct */
    /* Whose options they are; of two that have the name, the first one's. */
    const struct argp *parsers[OTHER_WORDS_PARSERS];
    void *inputs[OTHER_WORDS_PARSERS];
};

void other_words_init(struct other_words *others);
void other_words_done(struct other_words *others);

#endif
