/* SPDX-License-Identifier: BSD-3-Clause */
/* stdio.c - what stdio holds is neither lost nor doubled; the runner looks at the output too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move_test.h"

static FILE *memory;

static void spoil(void)
{
    fputs("x", memory);
}

static void at_end(void)
{
    fputs("four\n", stdout); /* flushed by exit() */
}

int main(void)
{
    static char buffer[10000], *text;
    size_t bytes;
    CHECK(setvbuf(stdout, buffer, _IOFBF, sizeof buffer) == 0, "%m");
    CHECK(atexit(at_end) == 0, "%m");
    memory = open_memstream(&text, &bytes);
    FILE *input = fmemopen((void *)"first second", 12, "r");
    char word[20];
    CHECK(memory != NULL && input != NULL, "%m");
    CHECK(fscanf(input, "%19s", word) == 1 && ungetc('X', input) == 'X', "%s", word);
    fputs("one ", stdout);
    fputs("some ", memory);
    hop(spoil);
    fputs("two ", stdout);
    CHECK(fscanf(input, "%19s", word) == 1 && strcmp(word, "X") == 0, "%s", word);
    CHECK(fscanf(input, "%19s", word) == 1 && strcmp(word, "second") == 0, "%s", word);
    fputs("text", memory);
    CHECK(fclose(memory) == 0 && strcmp(text, "some text") == 0, "%s", text);
    CHECK(fflush(stdout) == 0, "%m");
    fputs("three ", stdout);
    return 0;
}
