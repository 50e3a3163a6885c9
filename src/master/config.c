/* SPDX-License-Identifier: BSD-3-Clause */
/* config.c - bpmaster's configuration file. */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "master/config.h"
#include "proto/frame.h"

#define WORDS_MAX 16

struct line {
    const char *path;
    unsigned number;
    char *words[WORDS_MAX];
    unsigned count; /* with the tag */
};

static int complain(const struct line *line, const char *what, struct bp_error *err)
{
    return bp_error_set(err, -EINVAL, "%s:%u: %s: %s", line->path, line->number, line->words[0],
                        what);
}

static int number(const char *word, long low, long high, long *ret)
{
    char *end;
    errno = 0;
    long value = strtol(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || value < low || value > high)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int text(const struct line *line, char *to, size_t size, struct bp_error *err)
{
    if (strlen(line->words[1]) >= size)
        return complain(line, "too long", err);
    strcpy(to, line->words[1]);
    return 0;
}

static int tag_port(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    long port;
    if (number(line->words[1], 1, 65535, &port) < 0)
        return complain(line, "a port is 1 to 65535", err);
    config->port = (int)port;
    return 0;
}

static int tag_interface(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    return text(line, config->address, sizeof config->address, err);
}

static int tag_lease(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    long seconds;
    if (number(line->words[1], 1, 86400, &seconds) < 0)
        return complain(line, "seconds, 1 to 86400", err);
    config->lease_ms = (unsigned)seconds * 1000;
    return 0;
}

static int tag_rundir(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    return text(line, config->rundir, sizeof config->rundir, err);
}

static int tag_key(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    return text(line, config->cluster_key, sizeof config->cluster_key, err);
}

static int tag_root(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    int yes = strcmp(line->words[1], "yes") == 0;
    if (!yes && strcmp(line->words[1], "no") != 0)
        return complain(line, "yes or no", err);
    config->root_jobs = yes;
    return 0;
}

static int tag_fanout(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    long fanout;
    if (number(line->words[1], 1, 4096, &fanout) < 0)
        return complain(line, "1 to 4096", err);
    config->fanout = (unsigned)fanout;
    return 0;
}

static int tag_streams(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    config->plain = strcmp(line->words[1], "plain") == 0;
    if (!config->plain && strcmp(line->words[1], "tls") != 0)
        return complain(line, "tls or plain", err);
    return 0;
}

/* "ip [node] address..." and "iprange [node] first last": which numbers there are. The addresses
 * only count the nodes: who a node is, its key tells. */
static int add_nodes(const struct line *line, unsigned first_word, unsigned long count,
                     struct bp_config *config, long *ret_first, struct bp_error *err)
{
    long node = 0;
    if (first_word == 2 && number(line->words[1], 0, BP_NODES_MAX - 1, &node) < 0)
        return complain(line, "node numbers are 0 to 4095", err);
    if (first_word == 1)
        while (node < BP_NODES_MAX && config->node[node])
            node++;
    if (count > (unsigned long)(BP_NODES_MAX - node))
        return complain(line, "too many nodes (4096 at most)", err);
    for (unsigned long i = 0; i < count; i++)
        config->node[(unsigned long)node + i] = 1;
    *ret_first = node;
    return 0;
}

/* 1 if the tag is followed by a node's number. */
static unsigned first_address(const struct line *line)
{
    return strchr(line->words[1], '.') == NULL ? 2 : 1;
}

static int address(const char *word, unsigned long *ret)
{
    struct in_addr in;
    if (inet_pton(AF_INET, word, &in) != 1)
        return -EINVAL;
    *ret = ntohl(in.s_addr);
    return 0;
}

static int tag_ip(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    unsigned first = first_address(line);
    unsigned long values[WORDS_MAX];
    long node;
    if (first >= line->count)
        return complain(line, "an address is missing", err);
    for (unsigned i = first; i < line->count; i++)
        if (address(line->words[i], &values[i]) < 0)
            return complain(line, "not an IPv4 address", err);
    int r = add_nodes(line, first, line->count - first, config, &node, err);
    for (unsigned i = first; r == 0 && i < line->count; i++)
        config->ip[node + i - first] = htonl((uint32_t)values[i]);
    return r;
}

static int tag_iprange(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    unsigned first = first_address(line);
    unsigned long low, high;
    if (first + 2 != line->count)
        return complain(line, "[node] first-address last-address", err);
    if (address(line->words[first], &low) < 0 || address(line->words[first + 1], &high) < 0 ||
        high < low)
        return complain(line, "not two IPv4 addresses in order", err);
    long node;
    int r = add_nodes(line, first, high - low + 1, config, &node, err);
    for (unsigned long i = 0; r == 0 && i <= high - low; i++)
        config->ip[(unsigned long)node + i] = htonl((uint32_t)(low + i));
    return r;
}

static int is_number(const char *word)
{
    return word[strspn(word, "0123456789")] == '\0';
}

static int user(const char *word, uid_t *ret)
{
    long value;
    if (is_number(word))
        return number(word, 0, UINT32_MAX - 1, &value) < 0 ? -EINVAL : (*ret = (uid_t)value, 0);
    const struct passwd *row = getpwnam(word);
    return row == NULL ? -ENOENT : (*ret = row->pw_uid, 0);
}

static int group(const char *word, gid_t *ret)
{
    long value;
    if (is_number(word))
        return number(word, 0, UINT32_MAX - 1, &value) < 0 ? -EINVAL : (*ret = (gid_t)value, 0);
    const struct group *row = getgrnam(word);
    return row == NULL ? -ENOENT : (*ret = row->gr_gid, 0);
}

/* "rights nodes mode [user [group]]": later lines say more than earlier ones. */
static int tag_rights(const struct line *line, struct bp_config *config, struct bp_error *err)
{
    struct bp_nodeset nodes = {0};
    struct bp_rights rights = {0};
    char *end;
    unsigned long mode = strtoul(line->words[2], &end, 8);
    int all = strcmp(line->words[1], "all") == 0;
    if (*end != '\0' || mode > 0777)
        return complain(line, "the mode is three octal digits of which the x bits count", err);
    rights.mode = mode & 0111;
    if (line->count > 3 && user(line->words[3], &rights.user) < 0)
        return complain(line, "there is no such user", err);
    if (line->count > 4 && group(line->words[4], &rights.group) < 0)
        return complain(line, "there is no such group", err);
    if (!all && bp_nodeset_parse(line->words[1], NULL, 0, &nodes, NULL) < 0)
        return complain(line, "which nodes? all, or such as 0-3,7", err);
    for (int i = 0; all && i < BP_NODES_MAX; i++)
        config->rights[i] = rights;
    for (size_t i = 0; i < nodes.count; i++)
        if (nodes.numbers[i] >= 0 && nodes.numbers[i] < BP_NODES_MAX)
            config->rights[nodes.numbers[i]] = rights;
    bp_nodeset_done(&nodes);
    return 0;
}

static const struct {
    const char *name;
    unsigned min_words, max_words; /* after the tag */
    int (*set)(const struct line *line, struct bp_config *config, struct bp_error *err);
} tags[] = {
    {"bprocport", 1, 1, tag_port},     {"interface", 1, 3, tag_interface},
    {"ip", 1, WORDS_MAX - 1, tag_ip},  {"iprange", 2, 3, tag_iprange},
    {"pingtimeout", 1, 1, tag_lease},  {"lease", 1, 1, tag_lease},
    {"rundir", 1, 1, tag_rundir},      {"clusterkey", 1, 1, tag_key},
    {"rootjobs", 1, 1, tag_root},      {"fanout", 1, 1, tag_fanout},
    {"rights", 2, 4, tag_rights},      {"streams", 1, 1, tag_streams},
};

static int read_line(struct line *line, char *bytes, struct bp_config *config,
                     struct bp_error *err)
{
    bytes[strcspn(bytes, "#\n")] = '\0';
    char *save = NULL;
    line->count = 0;
    for (char *word = strtok_r(bytes, " \t\r", &save); word != NULL;
         word = strtok_r(NULL, " \t\r", &save)) {
        if (line->count == WORDS_MAX)
            return complain(line, "too many words", err);
        line->words[line->count++] = word;
    }
    if (line->count == 0)
        return 0;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(tags[i].name, line->words[0]) != 0)
            continue;
        if (line->count - 1 < tags[i].min_words || line->count - 1 > tags[i].max_words)
            return complain(line, "wrong number of words", err);
        return tags[i].set(line, config, err);
    }
    return complain(line, "unknown tag", err);
}

int bp_config_read(const char *path, struct bp_config *ret_config, struct bp_error *err)
{
    struct bp_config config = {
        .port = BP_PORT, .lease_ms = 30000, .rundir = BP_RUNDIR, .fanout = 16,
        .cluster_key = BP_SYSCONFDIR "/cluster.key"};
    for (int i = 0; i < BP_NODES_MAX; i++)
        config.rights[i].mode = BP_RIGHTS_MODE;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    char bytes[1024];
    struct line line = {.path = path};
    int r = 0;
    while (r == 0 && fgets(bytes, sizeof bytes, file) != NULL) {
        line.number++;
        line.words[0] = bytes;
        if (strchr(bytes, '\n') == NULL && !feof(file))
            r = bp_error_set(err, -EINVAL, "%s:%u: the line is too long", path, line.number);
        else
            r = read_line(&line, bytes, &config, err);
    }
    if (r == 0 && ferror(file))
        r = bp_error_set(err, -EIO, "%s: cannot be read", path);
    fclose(file);
    if (r == 0)
        *ret_config = config;
    return r;
}
