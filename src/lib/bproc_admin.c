/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_admin.c - libbproc: root's orders to nodes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/node.h"
#include "lib/public.h"

static int order(int node, const Bpmix__NodeOrder *what)
{
    struct bp_error err = {0};
    return bp_public_result(bp_node_order(bp_public_node(node), what, &err));
}

static int order_end(int node, Bpmix__NodeOrder__Kind kind, int no_wait)
{
    Bpmix__NodeOrder what = BPMIX__NODE_ORDER__INIT;
    what.kind = kind;
    what.no_wait = no_wait;
    return order(node, &what);
}

int bproc_nodereboot(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__REBOOT, 0);
}

int bproc_nodehalt(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__HALT, 0);
}

int bproc_nodepwroff(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__POWER_OFF, 0);
}

int bproc_nodereboot_async(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__REBOOT, 1);
}

int bproc_nodehalt_async(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__HALT, 1);
}

int bproc_nodepwroff_async(int node)
{
    return order_end(node, BPMIX__NODE_ORDER__KIND__POWER_OFF, 1);
}

int bproc_nodechroot(int node, const char *path)
{
    Bpmix__NodeOrder what = BPMIX__NODE_ORDER__INIT;
    what.kind = BPMIX__NODE_ORDER__KIND__CHROOT;
    what.path = (char *)path;
    return order(node, &what);
}

int bproc_nodesetstatus(int node, const char *status)
{
    struct bp_error err = {0};
    return bp_public_result(bp_node_set_state(bp_public_node(node), status, &err));
}

/* An IPv4 address as text and port; NULL says nothing. */
static int write_address(const struct sockaddr *address, int size, char *text, uint32_t *ret_port)
{
    struct sockaddr_in in;
    text[0] = '\0';
    if (address == NULL)
        return 0;
    if (size < (int)sizeof in || address->sa_family != AF_INET)
        return -EAFNOSUPPORT;
    memcpy(&in, address, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, text, INET_ADDRSTRLEN);
    *ret_port = ntohs(in.sin_port);
    return 0;
}

int bproc_nodereconnect(int node, struct sockaddr *remote, int remote_size,
                        struct sockaddr *local, int local_size)
{
    char host[INET_ADDRSTRLEN], local_host[INET_ADDRSTRLEN];
    Bpmix__NodeOrder what = BPMIX__NODE_ORDER__INIT;
    what.kind = BPMIX__NODE_ORDER__KIND__RECONNECT;
    what.host = host;
    what.local_host = local_host;
    int r = write_address(remote, remote_size, host, &what.port);
    if (r == 0)
        r = write_address(local, local_size, local_host, &what.local_port);
    return r < 0 ? bp_public_result(r) : order(node, &what);
}
