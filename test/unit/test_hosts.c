/* SPDX-License-Identifier: BSD-3-Clause */
/* test_hosts.c - host files, rankfiles and files of programs: what they say, and where they err. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tap.h"
#include "tools/apps.h"
#include "tools/hosts.h"
#include "tools/rankfile.h"

static void expect(const char *text, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        printf("# %s\n# gives %s\n# not   %s\n", text, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
}

/* ---- hosts ---- */

/* "n0:4 n1", or the sentence */
static void hosts(const char *text, int file, const char *want)
{
    struct hosts hosts = {0};
    struct bp_error err = {0};
    char got[512] = "";
    size_t used = 0;
    int r = file ? hosts_add_file(&hosts, "F", text, strlen(text), &err)
                 : hosts_add_words(&hosts, text, &err);
    for (size_t i = 0; r == 0 && i < hosts.count && used < sizeof got - 64; i++) {
        const struct host *host = &hosts.rows[i];
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%s", i > 0 ? " " : "", host->node);
        if (host->slots > 0)
            used += (size_t)snprintf(got + used, sizeof got - used, ":%u", host->slots);
        if (host->most > 0)
            used += (size_t)snprintf(got + used, sizeof got - used, "<=%u", host->most);
    }
    expect(text, r < 0 ? err.text : got, want);
    hosts_done(&hosts);
}

static void host_words(void)
{
    hosts("n0", 0, "n0:1");
    hosts("n0:4,n1,2-3:2,n[4,6-7]:3,node-7.x", 0, "n0:4 n1:1 2-3:2 n[4,6-7]:3 node-7.x:1");
    hosts("n0:*,n0:auto,allup", 0, "n0 n0 allup:1");
    hosts("n0,n0,n1", 0, "n0:1 n0:1 n1:1");
    static const char not_node[] = "\"%s\" is not a node: n0, 0-3, n[0-3,7] or a host's name";
    static const char *const bad[] = {"", "-w", "n[0-3", "n 1", "user@n1", "+n1", "^n1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char want[128];
        snprintf(want, sizeof want, not_node, bad[i]);
        hosts(bad[i], 0, want);
    }
    hosts("n0,", 0, "\"\" is not a node: n0, 0-3, n[0-3,7] or a host's name");
    hosts("n0:0", 0, "\"0\": slots are a number from 1 to 65536, or *");
    hosts("n0:-1", 0, "\"-1\": slots are a number from 1 to 65536, or *");
    hosts("n0:4x", 0, "\"4x\": slots are a number from 1 to 65536, or *");
    hosts("n0:99999999999999999999", 0,
          "\"99999999999999999999\": slots are a number from 1 to 65536, or *");
}

static void host_files(void)
{
    hosts("n0 slots=4\nn1\n", 1, "n0:4 n1");
    hosts("# all of them\n\n  n0:4 # fast\r\nn1\tslots=2", 1, "n0:4 n1:2");
    hosts("n[0-3],n7,\nn9\n", 1, "n[0-3] n7 n9");
    hosts("n0\nn0\nn0 slots=2\n", 1, "n0 n0 n0:2");
    hosts("n0,n1 slots=3\n", 1, "n0:3 n1:3");
    hosts("", 1, "F: no node is named in this file");
    hosts("#\n\n", 1, "F: no node is named in this file");
    hosts("n0\nn1 slots=0\n", 1, "F:2: slots are a number from 1 to 65536, not \"0\"");
    hosts("n0 4\n", 1, "F:1: \"4\" is not understood behind the node (slots=N is)");
    hosts("n0 sockets=4\n", 1, "F:1: \"sockets=\" is not understood (slots=N and max-slots=N are)");
    hosts("n0 slots=2 max-slots=4\nn1,n2 max_slots=3\n", 1, "n0:2<=4 n1<=3 n2<=3");
    hosts("n0 max-slots=1 slots=2\n", 1, "F:1: 2 slots are more than max-slots=1");
    hosts("n0:3 max-slots=2\n", 1, "F:1: 3 slots are more than max-slots=2");
    hosts("n0 max-slots=*\n", 1, "F:1: max-slots are a number from 1 to 65536, not \"*\"");
    hosts("n0\n\nslots=4\n", 1, "F:3: \"slots=4\" is not a node: n0, 0-3, n[0-3,7] or a host's "
          "name");
    hosts("n0\n\033[2J\n", 1, "F:2: \"?[2J\" is not a node: n0, 0-3, n[0-3,7] or a host's name");
    struct hosts list = {0};
    struct bp_error err = {0};
    CU_ASSERT_TRUE(hosts_add_file(&list, "F", "n0\nn\0x\n", 7, &err) < 0);
    CU_ASSERT_STRING_EQUAL(err.text, "F:2: this is not text");
    hosts_done(&list);
}

/* ---- rankfiles ---- */

static void ranks(const char *text, const char *want)
{
    struct rankfile file = {0};
    struct bp_error err = {0};
    char got[512] = "";
    size_t used = 0;
    int r = rankfile_read(&file, "F", text, strlen(text), &err);
    for (size_t i = 0; r == 0 && i < file.count && used < sizeof got; i++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%s=%s", i > 0 ? " " : "",
                                 file.rows[i].node, file.rows[i].slots);
    expect(text, r < 0 ? err.text : got, want);
    rankfile_done(&file);
}

static void rankfiles(void)
{
    ranks("rank 0=n1 slot=0\nrank 1=n0 slots=1:0-1,3\n", "n1=0 n0=1:0-1,3");
    ranks("rank 1=n0 slot=*\n# x\nrank 0=n1 slot=0-3,7 # y\n", "n1=0-3,7 n0=");
    ranks("rank 0 = n1 slot = 2\n", "n1=2");
    ranks("  rank\t0=n[1] slot=2", "n[1]=2");
#define FORM "; a line is: rank N=NODE slot=CPUS"
    ranks("", "F: no rank is named in this file");
    ranks("0=n1 slot=2\n", "F:1: a line is: rank N=NODE slot=CPUS");
    ranks("rank x=n1 slot=2\n", "F:1: \"x\" is not a rank" FORM);
    ranks("rank 60000=n1 slot=2\n", "F:1: \"60000\" is not a rank" FORM);
    ranks("rank -1=n1 slot=2\n", "F:1: \"-1\" is not a rank" FORM);
    ranks("rank 0=+n1 slot=2\n", "F:1: \"+n1\" is not a node" FORM);
    ranks("rank 0=n1\n", "F:1: \"slot=\" is missing" FORM);
    ranks("rank 0=n1 core=2\n", "F:1: \"slot=\" is missing" FORM);
    ranks("rank 0=n1 slot=2 3\n", "F:1: \"3\" is too much" FORM);
    static const char *const bad[] = {"", "x", "1-", ",1", "1,", "0:", ":1", "1:2:3", "123456",
                                      "-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        auto_free char *text = bp_format("rank 0=n1 slot=%s", bad[i]);
        auto_free char *want = bp_format("F:1: slot \"%s\": CPUs (0-3,6), cores of a package "
                                         "(1:0-2) or *", bad[i]);
        ranks(text, want);
    }
    ranks("rank 0=n1 slot=0\nrank 2=n1 slot=0\n", "F:2: rank 1 has no line");
    ranks("rank 0=n1 slot=0\nrank 0=n2 slot=0\n", "F:2: rank 0 has a line already, 1");
}

/* ---- programs ---- */

/* "0-1,4<a><%t> *2<b>": ranges and words; = in front where they are expanded */
static void programs(const char *text, uint32_t count, const char *want)
{
    struct apps apps = {0};
    struct bp_error err = {0};
    char got[512] = "";
    FILE *out = fmemopen(got, sizeof got, "w");
    int r = multiprog_read(&apps, "F", text, strlen(text), count, &err);
    for (size_t i = 0; r == 0 && i < apps.count; i++) {
        const struct app *app = &apps.rows[i];
        fprintf(out, "%s%s", i > 0 ? " " : "", app->expand ? "=" : "");
        for (size_t k = 0; k < app->range_count; k++)
            fprintf(out, "%s%u+%u", k > 0 ? "," : "", app->ranges[k].first, app->ranges[k].count);
        for (size_t k = 0; k < app->argc; k++)
            fprintf(out, "<%s>", app->argv[k]);
    }
    fclose(out);
    expect(text, r < 0 ? err.text : got, want);
    apps_done(&apps);
}

static void multiprog(void)
{
    programs("0 a\n1-2,4 b c\n3 d\n", 0, "0+1<a> 1+2,4+1<b><c> 3+1<d>");
    programs("# x\n\n0-1\ta  b\n* c\n", 4, "0+2<a><b> 2+2<c>");
    programs("* c\n1 a\n", 3, "0+1,2+1<c> 1+1<a>");
    programs("0 a %t %o%%x 100%\n", 1, "=0+1<a><%t><%o%%%%x><100%%>");
    programs("0 a '%t' \"%t x\" \\%t x\\ y ''\n", 1, "=0+1<a><%%t><%t x><%%t><x y><>");
    programs("0 a \\\n  b # c\n", 1, "0+1<a><b><#><c>");
    programs("0-2 a 'x\\y' \"it's\"\n", 3, "0+3<a><x\\y><it's>");
    programs("0 a\r\n1 b\r\n", 2, "0+1<a> 1+1<b>");
}

static void wrong_multiprog(void)
{
    programs("", 0, "F: no program is named in this file");
    programs("0\n", 0, "F:1: the program is missing: a line is RANKS PROGRAM [ARGUMENT...]");
    programs("0 ''\n", 0, "F:1: the program is missing: a line is RANKS PROGRAM [ARGUMENT...]");
    programs("0 a\n* b\n", 0, "F:2: * means the remaining ranks: -n says how many there are");
    programs("* b\n* c\n", 2, "F:2: a line for the remaining ranks (*) is there already");
    programs("0-1 b\n* c\n", 2, "F:2: no rank is left for program c (*)");
    programs("0 b\n\n0-1 c\n", 2, "F:3: rank 0 has a program already, in line 1");
    programs("0,0 b\n", 1, "F:1: rank 0 has a program already, in line 1");
    programs("0-4 b\n", 4, "F:1: rank 4 is not of this job: -n 4");
    programs("0-2 b\n", 4, "F:1: rank 3 has no program");
    programs("0,2 b\n", 0, "F:1: rank 1 has no program");
    programs("0 'b\n", 0, "F:1: a quote (') is not closed");
    programs("2-1 b\n", 0, "F:1: 2-1 runs backwards");
    static const char *const bad[] = {"x", "0-", "-1", "0,", "0x1", "60000", "0:2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        auto_free char *text = bp_format("%s a\n", bad[i]);
        struct apps apps = {0};
        struct bp_error err = {0};
        CU_ASSERT_TRUE(multiprog_read(&apps, "F", text, strlen(text), 0, &err) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "are no ranks: 4, 0-3, joined by commas, or *"));
        apps_done(&apps);
    }
}

/* Words of one's own: nothing is lost of a long line, and its length is checked. */
static void long_programs(void)
{
    struct apps apps = {0};
    struct bp_error err = {0};
    auto_free char *text = bp_calloc(APP_BYTES_MAX + 10, 1);
    memset(text, 'a', APP_BYTES_MAX + 5);
    memcpy(text, "0 ", 2);
    CU_ASSERT_EQUAL(multiprog_read(&apps, "F", text, strlen(text), 1, &err), 0);
    CU_ASSERT_EQUAL(strlen(apps.rows[0].argv[0]), APP_BYTES_MAX + 3);
    CU_ASSERT_TRUE(apps_check(&apps, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "program 1 (aaa"));
    apps_done(&apps);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"--host: nodes and slots", host_words},
        {"host files of Open MPI, MPICH and Slurm; file and line of an error", host_files},
        {"rankfiles", rankfiles},
        {"files of programs: ranks, quotes, %t and %o", multiprog},
        {"files of programs: file and line of an error", wrong_multiprog},
        {"programs with too many words", long_programs},
        {NULL, NULL},
    };
    return bp_tap_run("hosts", tests);
}
