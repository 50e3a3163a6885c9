/* SPDX-License-Identifier: BSD-3-Clause */
/* test_config.c - bpmaster's configuration file, good and bad. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config.h"
#include "tap.h"

static int read_text(const char *text, struct bp_config *config, struct bp_error *err)
{
    char path[] = "/tmp/bp-test-config-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return -1;
    close(fd);
    int r = bp_config_read(path, config, err);
    unlink(path);
    return r;
}

static void good(void)
{
    struct bp_config config;
    struct bp_error err;
    CU_ASSERT_EQUAL(read_text("# a comment\nbprocport 4000 # another\n\n"
                              "iprange 2 10.0.0.1 10.0.0.3\nip 7 10.0.0.9\npingtimeout 5\n"
                              "rootjobs yes\nfanout 2\n", &config, &err), 0);
    CU_ASSERT_EQUAL(config.port, 4000);
    CU_ASSERT_EQUAL(config.lease_ms, 5000);
    CU_ASSERT_EQUAL(config.root_jobs, 1);
    CU_ASSERT_EQUAL(config.fanout, 2);
    CU_ASSERT(!config.node[0] && !config.node[1] && config.node[2] && config.node[4] &&
              !config.node[5] && config.node[7]);
}

static void streams(void)
{
    struct bp_config config;
    struct bp_error err;
    CU_ASSERT_EQUAL(read_text("", &config, &err), 0);
    CU_ASSERT_EQUAL(config.plain, 0);
    CU_ASSERT_EQUAL(read_text("streams plain\n", &config, &err), 0);
    CU_ASSERT_EQUAL(config.plain, 1);
    CU_ASSERT_EQUAL(read_text("streams plain\nstreams tls\n", &config, &err), 0);
    CU_ASSERT_EQUAL(config.plain, 0);
    CU_ASSERT(read_text("streams none\n", &config, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ":1: streams: tls or plain"));
    CU_ASSERT(read_text("streams\n", &config, &err) < 0);
}

static void numbers_follow(void)
{
    struct bp_config config;
    struct bp_error err;
    CU_ASSERT_EQUAL(read_text("iprange 10.0.0.1 10.0.0.2\nip 10.0.0.8\n", &config, &err), 0);
    CU_ASSERT(config.node[0] && config.node[1] && config.node[2] && !config.node[3]);
}

static void rights_of_nodes(void)
{
    struct bp_config config;
    struct bp_error err;
    CU_ASSERT_EQUAL(read_text("rights all 750 root 100\nrights 1-2,n[4,6] 001 1000\nip 3 10.0.0.9\n",
                              &config, &err), 0);
    CU_ASSERT_EQUAL(config.rights[0].mode, 0110);
    CU_ASSERT(config.rights[0].user == 0 && config.rights[0].group == 100);
    CU_ASSERT_EQUAL(config.rights[BP_NODES_MAX - 1].mode, 0110);
    CU_ASSERT_EQUAL(config.rights[1].mode, 0001);
    CU_ASSERT(config.rights[6].user == 1000 && config.rights[6].group == 0);
    CU_ASSERT_EQUAL(config.rights[5].mode, 0110);
    CU_ASSERT_EQUAL(config.ip[3], htonl(0x0a000009));
    CU_ASSERT_EQUAL(config.ip[4], 0);
    CU_ASSERT_EQUAL(read_text("", &config, &err), 0);
    CU_ASSERT_EQUAL(config.rights[0].mode, 0111);
}

static void bad(void)
{
    static const struct {
        const char *text, *line, *what;
    } rows[] = {
        {"nosuchtag 3\n", ":1: ", "unknown tag"},
        {"\n\nbprocport 70000\n", ":3: ", "1 to 65535"},
        {"bprocport 22x\n", ":1: ", "1 to 65535"},
        {"bprocport\n", ":1: ", "wrong number of words"},
        {"lease 0\n", ":1: ", "seconds"},
        {"rootjobs maybe\n", ":1: ", "yes or no"},
        {"iprange 0 10.0.0.9 10.0.0.1\n", ":1: ", "in order"},
        {"iprange 0 0.0.0.0 255.255.255.255\n", ":1: ", "too many nodes"},
        {"iprange 99999 10.0.0.1 10.0.0.2\n", ":1: ", "node numbers"},
        {"ip 3\n", ":1: ", "missing"},
        {"rights all 0888\n", ":1: ", "octal"},
        {"rights all 1111\n", ":1: ", "octal"},
        {"rights 3-1 0111\n", ":1: ", "which nodes"},
        {"rights all 0111 nobody-of-that-name\n", ":1: ", "no such user"},
        {"rights all 0111 0 4294967296\n", ":1: ", "no such group"},
        {"rights all\n", ":1: ", "wrong number of words"},
        {"a b c d e f g h i j k l m n o p q r\n", ":1: ", "too many words"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bp_config config;
        struct bp_error err = {0};
        CU_ASSERT(read_text(rows[i].text, &config, &err) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].line));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].what));
    }
}

static void missing(void)
{
    struct bp_config config;
    struct bp_error err = {0};
    CU_ASSERT(bp_config_read("/nonexistent/bpmix.conf", &config, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/bpmix.conf"));
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a good file", good},
        {"rights and addresses", rights_of_nodes},
        {"data streams: TLS, or plain", streams},
        {"numbers follow each other", numbers_follow},
        {"bad lines are named by number", bad},
        {"a missing file", missing},
        {NULL, NULL},
    };
    return bp_tap_run("config", tests);
}
