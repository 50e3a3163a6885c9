// sources: src/tools/hosts.c src/tools/rankfile.c src/tools/multiprog.c src/tools/apps.c
// src/tools/lines.c src/tools/words.c src/tools/text.c src/common/nodeset.c src/common/mem.c
// src/common/error.c src/proto/apps.c src/proto/bpmix.pb-c.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_hosts.c - any text as a host file, as the words of --host, as a rankfile and as a file of
 * programs: refused with a sentence, or within bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "proto/apps.h"
#include "tools/apps.h"
#include "tools/hosts.h"
#include "tools/rankfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const struct bp_error *err)
{
    if ((r < 0) != (err->code < 0) || (r < 0 && err->text[0] == '\0'))
        abort();
    for (const char *p = err->text; *p != '\0'; p++)
        if (*p == '\n' || *p == '\033')
            abort();
}

static void check_hosts(struct hosts *hosts)
{
    if (hosts->count > HOSTS_MAX)
        abort();
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->rows[i].slots > HOST_SLOTS_MAX || !host_is_word(hosts->rows[i].node))
            abort();
    hosts_done(hosts);
}

static void check_apps(const struct apps *apps)
{
    uint32_t ranks = 0;
    for (size_t i = 0; i < apps->count; i++) {
        ranks += apps->rows[i].ranks;
        if (apps->rows[i].argc == 0 || apps->rows[i].ranks == 0)
            abort();
    }
    if (ranks != apps->ranks || ranks > APP_RANKS_MAX || ranks == 0)
        abort();
    Bpmix__App **list = apps_messages(apps);
    auto_free struct bp_app_rank *of = NULL;
    if (bp_apps_ranks(list, apps->count, ranks, &of, NULL) < 0)
        abort();
    for (uint32_t i = 0; i < ranks; i++)
        if (of[i].app >= apps->count || of[i].place >= ranks)
            abort();
    apps_messages_free(list, apps->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = bp_calloc(size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    struct bp_error err = {0};
    struct hosts hosts = {0}, words = {0};
    struct rankfile ranks = {0};
    struct apps apps = {0};
    check(hosts_add_file(&hosts, "file", text, size, &err), &err);
    check_hosts(&hosts);
    err = (struct bp_error){0};
    (void)hosts_add_words(&words, text, &err);
    check_hosts(&words);
    err = (struct bp_error){0};
    check(rankfile_read(&ranks, "file", text, size, &err), &err);
    rankfile_done(&ranks);
    err = (struct bp_error){0};
    int r = multiprog_read(&apps, "file", text, size, size > 0 ? data[0] % 9 : 0, &err);
    check(r, &err);
    if (r == 0)
        check_apps(&apps);
    apps_done(&apps);
    return 0;
}
