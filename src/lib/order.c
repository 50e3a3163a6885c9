/* SPDX-License-Identifier: BSD-3-Clause */
/* order.c - opening the job of an order. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/bproc_common.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/client.h"
#include "lib/order.h"

char **bp_order_own_words(void)
{
    auto_close int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    size_t length = got > 0 ? (size_t)got : 0, count = 0;
    text[length] = '\0';
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        count++;
    char **words = calloc(1, (count + 2) * sizeof *words + length + 1);
    if (words == NULL)
        return NULL;
    char *copy = memcpy(words + count + 2, text, length + 1);
    count = 0;
    for (size_t at = 0; at < length; at += strlen(copy + at) + 1)
        words[count++] = copy + at;
    if (count == 0)
        words[0] = copy;
    return words;
}

static char *node_words(const int *nodes, int count)
{
    char *text = malloc((size_t)count * 12 + 1), *end = text;
    for (int i = 0; text != NULL && i < count; i++)
        end += sprintf(end, "%s%d", i > 0 ? "," : "", nodes[i]);
    return text;
}

size_t bp_order_vector_length(char *const *vector)
{
    size_t count = 0;
    while (vector[count] != NULL)
        count++;
    return count;
}

static void fill_connection(Bpmix__OpenFile *file, const struct bproc_io_t *io, char *text)
{
    struct sockaddr_in address;
    char host[INET_ADDRSTRLEN];
    memcpy(&address, &io->d.addr, sizeof address);
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    sprintf(text, "%s:%u", host, ntohs(address.sin_port));
    file->path = text;
    file->connect = 1;
    file->send_info = (io->flags & BPROC_IO_SEND_INFO) != 0;
}

void bp_order_fill_files(const struct bp_order *order, struct bp_order_files *ret_files)
{
    ret_files->count = 0;
    for (int i = 0; i < order->io_count; i++) {
        const struct bproc_io_t *io = &order->io[i];
        if (order->start == BPMIX__START__SELF && !bp_descriptor_is_nodes(io))
            continue; /* the process makes it itself, when it is there */
        size_t number = ret_files->count++;
        Bpmix__OpenFile *file = ret_files->rows[number] = &ret_files->files[number];
        bpmix__open_file__init(file);
        file->fd = (uint32_t)io->fd;
        if (io->type == BPROC_IO_SOCKET) {
            fill_connection(file, io, ret_files->addresses[number]);
        } else {
            file->path = (char *)io->d.file.name;
            file->flags = (uint32_t)io->d.file.flags;
            file->mode = (uint32_t)io->d.file.mode & 0777;
            file->offset = io->d.file.offset;
        }
    }
}

void bp_order_cpu(Bpmix__JobRequest *request, const struct bp_image *image)
{
    const struct bp_image_head *head = bp_image_head(image);
    if (head->kind == BP_IMAGE_LD) /* nothing of it has run */
        return;
    request->cpu = (uint32_t *)head->cpu;
    request->n_cpu = BP_IMAGE_CPU_WORDS;
}

int bp_order_ask(const struct bp_order *order, struct bp_error *err)
{
    Bpmix__JobRequest request;
    Bpmix__Place place;
    Bpmix__Launcher launcher;
    struct bp_order_files files;
    uint32_t cpu[BP_IMAGE_CPU_WORDS];
    auto_free char *words = node_words(order->nodes, order->count);
    if (order->in_place && bp_client_node() >= 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process on a node cannot go elsewhere");
    if (words == NULL)
        return bp_error_set(err, -ENOMEM, "no memory");
    int argc = (int)bp_order_vector_length(order->argv);
    int r = bp_job_request_init(&request, &place, &launcher, argc, (char **)order->argv);
    if (r < 0)
        return bp_error_set(err, r, "no memory");
    if (order->envp != NULL) {
        request.env = (char **)order->envp;
        request.n_env = bp_order_vector_length(order->envp);
    }
    place.node_list = words;
    place.one_each = 1;
    place.bind_to = (char *)"none";
    request.stdin_rank = -2;
    bp_order_fill_files(order, &files);
    request.files = files.rows;
    request.n_files = files.count;
    request.in_place = order->in_place;
    request.lasting = order->lasting;
    request.inside = order->inside;
    if (order->program != NULL)
        request.program = (char *)order->program;
    request.start = order->start;
    if (order->image != NULL) {
        bp_order_cpu(&request, order->image);
    } else if (order->start == BPMIX__START__SELF) {
        bp_image_cpu_own(cpu);
        request.cpu = cpu;
        request.n_cpu = BP_IMAGE_CPU_WORDS;
    }
    r = bp_launch_ask(&request, err);
    bp_job_request_done(&request);
    return r;
}

int bp_order_open(const struct bp_order *order, struct bp_launch *ret_launch,
                  struct bp_local_message *ret_herds, struct bp_error *err)
{
    int fd = bp_order_ask(order, err);
    return fd < 0 ? fd : bp_launch_answer(fd, NULL, NULL, ret_launch, ret_herds, err);
}
