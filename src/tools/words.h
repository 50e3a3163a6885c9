/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - words of the command line that several tools read the same way. */
#ifndef BP_TOOLS_WORDS_H
#define BP_TOOLS_WORDS_H

#include <argp.h>
#include <stdint.h>

/* A whole number from low to high, nothing behind it; 0 or -EINVAL. */
int word_value(const char *word, uint32_t low, uint32_t high, uint32_t *ret_value);

/* A number from low to high, or the program ends with argp's usage error that names the option. */
uint32_t word_number(struct argp_state *state, const char *option, const char *word, uint32_t low,
                     uint32_t high);

/* srun's time: minutes, minutes:seconds, hours:minutes:seconds, days-hours and with minutes and
 * seconds, in seconds, at most 100 years; "unlimited" is 0; else as above. */
uint32_t word_time(struct argp_state *state, const char *option, const char *word);

/* A signal's number by name (TERM, SIGTERM, RTMIN+1) or number; -1 = there is none such. */
int word_signal(const char *word);

/* How many parts of a node specification name the master ("-1", "master"). *ret_rest: the other
 * parts, for the caller to free. */
uint32_t word_master(const char *nodes, char **ret_rest);

#endif
