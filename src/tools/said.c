/* SPDX-License-Identifier: BSD-3-Clause */
/* said.c - an option as the user typed it, so that errors can name it with those words. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tools/said.h"
#include "tools/text.h"

/* The word in which the option stands: its value may be a word of its own. */
static const char *option_word(const struct said *said)
{
    const struct argp_state *state = said->state;
    int last = state->next - 1;
    int apart = said->typed != NULL && last > 1 && state->argv[last] == said->typed;
    return last < 1 ? "" : state->argv[apart ? last - 1 : last];
}

/* Does the value stand behind the option's letter, in the same word? */
static int is_glued(const struct said *said, const char *word)
{
    const char *value = said->typed;
    return value != NULL && value > word + 1 && value <= word + strlen(word) && value[-1] != '=';
}

int said_is_option(int key)
{
    return key > 0 && key <= 0xffff;
}

void said_init(struct said *said, struct argp_state *state, const struct argp_option *rows, int key,
               char *arg)
{
    *said = (struct said){.state = state, .rows = rows, .key = key, .arg = arg, .joint = ' '};
    said->typed = state->hook != NULL ? *(char **)state->hook : arg;
    const char *word = option_word(said);
    if (is_glued(said, word)) {
        snprintf(said->name, sizeof said->name, "-%c", key);
        said->joint = '\0';
    } else {
        auto_free char *plain = text_plain(word);
        char *equals = plain + strcspn(plain, "=");
        if (*equals != '\0')
            said->joint = '=';
        *equals = '\0';
        snprintf(said->name, sizeof said->name, "%s", plain);
    }
}

char *said_words(const struct said *said)
{
    if (said->typed == NULL)
        return bp_strdup(said->name);
    char joint[] = {said->joint, '\0'};
    auto_free char *words = bp_format("%s%s%.100s", said->name, joint, said->typed);
    return text_plain(words);
}

void said_wrong(const struct said *said, const struct bp_error *err)
{
    auto_free char *why = text_plain(err->text);
    size_t length = strlen(said->name);
    if (strncmp(why, said->name, length) == 0) /* the sentence names it already */
        argp_error(said->state, "%s", why);
    else
        argp_error(said->state, "%s: %s", said->name, why);
}
