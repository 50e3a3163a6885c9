/* SPDX-License-Identifier: BSD-3-Clause */
/* admin.c - what tools change and ask about nodes: rights, states, attributes; who is told. */
#include <errno.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

struct attribute {
    char name[BPROC_ATTR_NAME_LEN + 1];
    uint8_t value[BPROC_ATTR_VALUE_LEN];
    size_t length;
    struct attribute *next;
};

struct bp_person tool_person(const struct tool *tool)
{
    return (struct bp_person){.uid = tool->uid, .gid = tool->gid, .groups = tool->groups,
                              .group_count = tool->group_count};
}

static int need_root(const struct tool *tool, struct bp_error *err)
{
    return tool->uid == 0 ? 0 : bp_error_set(err, -EPERM, "only root may do this");
}

/* What the frame is about: *ret_node is NULL for the master. */
static int find(struct master *master, int number, struct node **ret_node, struct bp_error *err)
{
    *ret_node = node_get(master, number);
    if (*ret_node == NULL && number != BPROC_NODE_MASTER)
        return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", number);
    return 0;
}

/* ---- who is told of changes ---- */

static int has_read(const struct tool *tool)
{
    int unread = 0;
    return tool->packets == NULL && ioctl(tool->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

void watch_changed(struct master *master)
{
    queue_changed(master);
    struct tool *tool;
    DL_FOREACH(master->tools, tool) {
        if (!tool->watching)
            continue;
        if (tool->via != NULL) {
            relay_changed(tool); /* its bpnode knows what it has read */
            continue;
        }
        if (has_read(tool))
            tool->told = 0;
        if (tool->told)
            continue; /* this news is in the one that it will read */
        tool->told = 1;
        tool_send(tool, (struct bp_frame){.type = BP_NODE_CHANGED}, NULL, NULL, 0);
    }
}

/* ---- rights ---- */

static int set_rights(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                      struct bp_error *err)
{
    struct master *master = tool->master;
    struct node *node;
    auto_unpack Bpmix__NodeRights *change =
        BP_UNPACK(NodeRights, node_rights, body, frame->length, err);
    if (change == NULL || find(master, frame->node, &node, err) < 0)
        return err->code;
    struct bp_rights *rights = node != NULL ? &node->rights : &master->rights;
    struct bp_rights wanted = *rights;
    struct bp_person person = tool_person(tool);
    if (change->set_user)
        wanted.user = change->user;
    if (change->set_group)
        wanted.group = change->group;
    if (change->set_mode)
        wanted.mode = change->mode & 0111;
    if (bp_rights_check_change(rights, &wanted, &person) < 0)
        return bp_error_set(err, -EPERM, "%s: only root and its owner (uid %u) may change who may "
                            "use it; the owner not to another user or to a group that is not his",
                            node != NULL ? node->name : "master", rights->user);
    *rights = wanted;
    bp_log_info("rights node=%d user=%u group=%u mode=%o by=%u", frame->node, wanted.user,
                wanted.group, wanted.mode, tool->uid);
    watch_changed(master);
    return 0;
}

/* ---- states ---- */

static int is_state(const char *word)
{
    size_t length = strlen(word);
    return length >= 1 && length <= BPROC_STATE_LEN &&
           strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
               length;
}

static int set_state_word(struct tool *tool, struct node *node, const char *word,
                          struct bp_error *err)
{
    if (!is_state(word))
        return bp_error_set(err, -EINVAL, "a state is a word of 1 to %d letters, digits, '_', '.' "
                            "or '-'", BPROC_STATE_LEN);
    if (node == NULL)
        return bp_error_set(err, -EINVAL, "the master is always up");
    if (node->state != NODE_UP)
        return bp_error_set(err, -BE_NODEDOWN, "%s is %s", node->name, node_state(node));
    snprintf(node->label, sizeof node->label, "%s", strcmp(word, "up") == 0 ? "" : word);
    bp_log_info("state node=%d state=%s", node->number, node_state(node));
    tool_node_up(tool->master);
    watch_changed(tool->master);
    return 0;
}

static int set_state(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err)
{
    struct node *node;
    auto_unpack Bpmix__NodeState *state =
        BP_UNPACK(NodeState, node_state, body, frame->length, err);
    if (state == NULL || need_root(tool, err) < 0 ||
        find(tool->master, frame->node, &node, err) < 0)
        return err->code;
    return set_state_word(tool, node, state->state, err);
}

/* ---- attributes ---- */

void attributes_free(struct attribute **list)
{
    struct attribute *attribute, *next;
    LL_FOREACH_SAFE(*list, attribute, next)
        free(attribute);
    *list = NULL;
}

/* The frame's attribute, its name being checked and without the prefix that all have. */
static Bpmix__NodeAttribute *read_attribute(const struct bp_frame *frame, const uint8_t *body,
                                            struct bp_error *err)
{
    Bpmix__NodeAttribute *asked =
        BP_UNPACK(NodeAttribute, node_attribute, body, frame->length, err);
    if (asked == NULL)
        return NULL;
    size_t length = strlen(asked->name);
    if (length >= 1 && length <= BPROC_ATTR_NAME_LEN && asked->value.len <= BPROC_ATTR_VALUE_LEN)
        return asked;
    bp_unpack_free(asked);
    bp_error_set(err, -EINVAL, "an attribute has a name of 1 to %d and a value of at most %d bytes",
                 BPROC_ATTR_NAME_LEN, BPROC_ATTR_VALUE_LEN);
    return NULL;
}

static struct attribute *find_attribute(struct attribute *list, const char *name)
{
    struct attribute *attribute;
    LL_FOREACH(list, attribute)
        if (strcmp(attribute->name, name) == 0)
            break;
    return attribute;
}

static int change_attribute(struct attribute **list, const Bpmix__NodeAttribute *wanted,
                            struct bp_error *err)
{
    struct attribute *attribute = find_attribute(*list, wanted->name), *other;
    unsigned count;
    if (attribute != NULL && wanted->value.len == 0) {
        LL_DELETE(*list, attribute);
        free(attribute);
        return 0;
    }
    if (wanted->value.len == 0)
        return bp_error_set(err, -ENODATA, "it has no attribute %s", wanted->name);
    LL_COUNT(*list, other, count);
    if (attribute == NULL && count == BPROC_ATTR_MAX)
        return bp_error_set(err, -ENOSPC, "it has %d attributes already", BPROC_ATTR_MAX);
    if (attribute == NULL) {
        attribute = bp_calloc(1, sizeof *attribute);
        snprintf(attribute->name, sizeof attribute->name, "%s", wanted->name);
        LL_APPEND(*list, attribute);
    }
    memcpy(attribute->value, wanted->value.data, wanted->value.len);
    attribute->length = wanted->value.len;
    return 0;
}

static int set_attribute(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                         struct bp_error *err)
{
    struct master *master = tool->master;
    struct node *node;
    auto_unpack Bpmix__NodeAttribute *wanted = read_attribute(frame, body, err);
    if (wanted == NULL || need_root(tool, err) < 0 || find(master, frame->node, &node, err) < 0)
        return err->code;
    if (strcmp(wanted->name, "addr") == 0)
        return bp_error_set(err, -EPERM, "its address is the node's own");
    if (strcmp(wanted->name, "state") == 0) {
        char word[BPROC_ATTR_VALUE_LEN + 1] = {0};
        memcpy(word, wanted->value.data, wanted->value.len);
        return set_state_word(tool, node, word, err);
    }
    int r = change_attribute(node != NULL ? &node->attributes : &master->attributes, wanted, err);
    if (r == 0)
        watch_changed(master);
    return r;
}

static int answer_attribute(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                            struct bp_error *err)
{
    struct master *master = tool->master;
    struct node *node;
    auto_unpack Bpmix__NodeAttribute *asked = read_attribute(frame, body, err);
    if (asked == NULL || find(master, frame->node, &node, err) < 0)
        return err->code;
    const struct attribute *found =
        find_attribute(node != NULL ? node->attributes : master->attributes, asked->name);
    if (found == NULL)
        return bp_error_set(err, -ENODATA, "it has no attribute %s", asked->name);
    Bpmix__NodeAttribute answer = BPMIX__NODE_ATTRIBUTE__INIT;
    answer.name = (char *)found->name;
    answer.value = (ProtobufCBinaryData){.data = (uint8_t *)found->value, .len = found->length};
    tool_send(tool, (struct bp_frame){.type = BP_NODE_VALUE, .tag = frame->tag}, &answer, NULL, 0);
    return 0;
}

/* ---- frames ---- */

int admin_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    int r;
    switch (frame->type) {
    case BP_NODE_RIGHTS:
        r = set_rights(tool, frame, body, err);
        break;
    case BP_NODE_STATE:
        r = set_state(tool, frame, body, err);
        break;
    case BP_NODE_SET:
        r = set_attribute(tool, frame, body, err);
        break;
    case BP_NODE_GET:
        return answer_attribute(tool, frame, body, err);
    default: /* NODE_WATCH */
        tool->watching = 1;
        r = 0;
        break;
    }
    if (r == 0)
        tool_done(tool, frame->tag);
    return r;
}
