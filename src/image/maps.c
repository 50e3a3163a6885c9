/* SPDX-License-Identifier: BSD-3-Clause */
/* maps.c - see maps.h. The kernel's text is trusted; its lines are split in place. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/format.h"
#include "image/maps.h"

#define TEXT_MAX (512u << 20)

static int no_memory(const char *path, struct bp_error *err)
{
    return bp_error_set(err, -ENOMEM, "there is no memory to read %s", path);
}

/* In a mapping of its own: what a capture leaves in the heap would travel with the next one. */
static int text_read(int fd, const char *path, char **ret_text, size_t *ret_room,
                     size_t *ret_bytes, struct bp_error *err)
{
    size_t bytes = 0, room = 65536;
    char *text = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *more = text;
    ssize_t n = 1;
    int rc = 0;

    while (more != MAP_FAILED && room <= TEXT_MAX &&
           ((n = read(fd, text + bytes, room - bytes - 1)) > 0 || (n < 0 && errno == EINTR))) {
        bytes += n > 0 ? (size_t)n : 0;
        if (room - bytes >= 8192)
            continue;
        more = mremap(text, room, room * 2, MREMAP_MAYMOVE);
        if (more != MAP_FAILED) {
            text = more;
            room *= 2;
        }
    }
    if (more == MAP_FAILED)
        rc = no_memory(path, err);
    else if (n < 0)
        rc = bp_error_set(err, -errno, "%s cannot be read: %s", path, strerror(errno));
    else if (n > 0)
        rc = bp_error_set(err, -EFBIG, "%s is too long", path);
    if (rc < 0 && text != MAP_FAILED)
        munmap(text, room);
    *ret_text = text; /* the kernel has put a 0 after it */
    *ret_room = room;
    *ret_bytes = bytes;
    return rc;
}

static int proc_read(pid_t pid, const char *name, char **ret_text, size_t *ret_room,
                     size_t *ret_bytes, struct bp_error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return bp_error_set(err, -errno, "%s cannot be opened: %s", path, strerror(errno));
    return text_read(fd, path, ret_text, ret_room, ret_bytes, err);
}

int bp_proc_read(pid_t pid, const char *name, char **ret_text, size_t *ret_bytes,
                 struct bp_error *err)
{
    size_t room, bytes;
    char *text;
    int rc = proc_read(pid, name, &text, &room, &bytes, err);

    if (rc < 0)
        return rc;
    *ret_text = malloc(bytes + 1);
    if (*ret_text != NULL)
        memcpy(*ret_text, text, bytes + 1);
    munmap(text, room);
    *ret_bytes = bytes;
    return *ret_text != NULL ? 0 : no_memory(name, err);
}

/* Turn \012 of a path back into the byte it stands for. */
static void unescape(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0';) {
        if (strncmp(from, "\\012", 4) == 0) {
            *to++ = '\n';
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* "START-END PERM OFFSET DEV:DEV INODE   PATH" */
static int line_read(char *line, struct bp_map *ret_map)
{
    struct bp_map map = {.path = ""};
    char *at = line;

    map.start = strtoull(at, &at, 16);
    if (*at != '-')
        return -EBADMSG;
    map.end = strtoull(at + 1, &at, 16);
    if (strlen(at) < 5)
        return -EBADMSG;
    map.prot = (at[1] == 'r' ? PROT_READ : 0) | (at[2] == 'w' ? PROT_WRITE : 0) |
               (at[3] == 'x' ? PROT_EXEC : 0);
    map.is_shared = at[4] == 's';
    map.offset = strtoull(at + 5, &at, 16);
    at = strchr(at + (*at == ' '), ' ');
    if (at == NULL)
        return -EBADMSG;
    map.inode = strtoull(at, &at, 10);
    while (*at == ' ')
        at++;
    unescape(at);
    map.path = at;
    *ret_map = map;
    return 0;
}

static const struct {
    char name[3];
    uint32_t flags, area_flags;
} vm_flags[] = {
    {"io", BP_MAP_IO, 0},
    {"pf", BP_MAP_IO, 0},
    {"ht", BP_MAP_HUGETLB, 0},
    {"um", BP_MAP_USERFAULT, 0},
    {"uw", BP_MAP_USERFAULT, 0},
    {"ui", BP_MAP_USERFAULT, 0},
    {"ss", BP_MAP_SHADOW_STACK, 0},
    {"gd", 0, BP_AREA_GROWSDOWN},
    {"nr", 0, BP_AREA_NORESERVE},
    {"hg", 0, BP_AREA_HUGE},
    {"nh", 0, BP_AREA_NOHUGE},
    {"dd", 0, BP_AREA_DONTDUMP},
    {"dc", 0, BP_AREA_DONTFORK},
    {"wf", 0, BP_AREA_WIPEONFORK},
    {"mg", 0, BP_AREA_MERGEABLE},
    {"lo", 0, BP_AREA_LOCKED},
};

static void flags_read(const char *words, struct bp_map *map)
{
    for (; words[0] != '\0' && words[1] != '\0'; words++) {
        if (words[0] == ' ')
            continue;
        for (size_t i = 0; i < sizeof(vm_flags) / sizeof(vm_flags[0]); i++)
            if (words[0] == vm_flags[i].name[0] && words[1] == vm_flags[i].name[1]) {
                map->flags |= vm_flags[i].flags;
                map->area_flags |= vm_flags[i].area_flags;
            }
        words++;
    }
}

static void detail_read(const char *line, struct bp_map *map)
{
    if (strncmp(line, "VmFlags:", 8) == 0)
        flags_read(line + 8, map);
    else if (strncmp(line, "Rss:", 4) == 0)
        map->resident_kib = strtoull(line + 4, NULL, 10);
    else if (strncmp(line, "Swap:", 5) == 0)
        map->swapped_kib = strtoull(line + 5, NULL, 10);
    else if (strncmp(line, "ProtectionKey:", 14) == 0)
        map->key = (uint32_t)strtoul(line + 14, NULL, 10);
}

/* A place for one more. */
static struct bp_map *map_new(struct bp_maps *maps, size_t *room)
{
    if (maps->count == *room) {
        size_t more = *room == 0 ? 64 : *room * 2;
        struct bp_map *grown = realloc(maps->maps, more * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        maps->maps = grown;
        *room = more;
    }
    return &maps->maps[maps->count++];
}

int bp_maps_read(pid_t pid, struct bp_maps *ret_maps, struct bp_error *err)
{
    struct bp_maps maps = {0};
    size_t bytes, room = 0;
    struct bp_map *map;
    int rc = proc_read(pid, "smaps", &maps.text, &maps.text_room, &bytes, err);

    if (rc < 0)
        return rc;
    for (char *line = maps.text, *next; *line != '\0'; line = next) {
        next = strchrnul(line, '\n');
        if (*next != '\0')
            *next++ = '\0';
        if (isupper((unsigned char)line[0])) { /* addresses are in small letters */
            if (maps.count > 0)
                detail_read(line, &maps.maps[maps.count - 1]);
            continue;
        }
        map = map_new(&maps, &room);
        rc = map == NULL ? no_memory("smaps", err) : line_read(line, map);
        if (rc < 0) {
            bp_maps_done(&maps);
            return map == NULL ? rc
                               : bp_error_set(err, rc, "/proc/%d/smaps cannot be understood",
                                              (int)pid);
        }
    }
    if (maps.count > 0 && maps.maps[maps.count - 1].end > BP_IMAGE_HIGHEST)
        maps.count--; /* [vsyscall], the same in every process */
    *ret_maps = maps;
    return 0;
}

void bp_maps_done(struct bp_maps *maps)
{
    free(maps->maps);
    munmap(maps->text, maps->text_room);
}
