/* SPDX-License-Identifier: BSD-3-Clause */
/* console.c - the log upcall: text that ranks want on stdout or stderr goes to our stderr. Open
 * MPI's help messages come this way. */
#include <string.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/upcalls.h"

#define TEXT_MAX 65536u

struct note {
    struct bp_call call;
    size_t length;
    char *text;
    pmix_op_cbfunc_t callback;
    void *arg;
};

static void write_out(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0)
            return; /* nobody reads it: there is no better place */
        text += written;
        length -= (size_t)written;
    }
}

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    (void)shepherd;
    auto_free struct note *note = (struct note *)take_call;
    write_out(note->text, note->length);
    free(note->text);
    if (note->callback != NULL)
        note->callback(PMIX_SUCCESS, note->arg);
}

static void append(struct note *note, const char *text, size_t length)
{
    if (text == NULL || length == 0)
        return;
    if (length > TEXT_MAX - note->length)
        length = TEXT_MAX - note->length;
    note->text = bp_realloc(note->text, note->length + length, 1);
    memcpy(note->text + note->length, text, length);
    note->length += length;
}

void bp_upcall_log(const pmix_proc_t *client, const pmix_info_t data[], size_t data_count,
                   const pmix_info_t directives[], size_t directive_count,
                   pmix_op_cbfunc_t callback, void *arg)
{
    (void)client;
    (void)directives;
    (void)directive_count;
    struct note *note = bp_calloc(1, sizeof *note);
    note->call.run = run;
    note->callback = callback;
    note->arg = arg;
    for (size_t i = 0; i < data_count; i++) {
        const pmix_value_t *value = &data[i].value;
        if (!PMIX_CHECK_KEY(&data[i], PMIX_LOG_STDERR) &&
            !PMIX_CHECK_KEY(&data[i], PMIX_LOG_STDOUT))
            continue;
        if (value->type == PMIX_STRING && value->data.string != NULL)
            append(note, value->data.string, strlen(value->data.string));
        else if (value->type == PMIX_BYTE_OBJECT)
            append(note, value->data.bo.bytes, value->data.bo.size);
    }
    bp_bridge_post(&note->call);
}
