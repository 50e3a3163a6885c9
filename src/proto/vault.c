/* SPDX-License-Identifier: BSD-3-Clause */
/* vault.c - blocks of powers of two out of mappings that a fork wipes; the big ones are mappings of
 * their own. What is freed is cleared, and used again for blocks of the same size. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "proto/vault.h"

#define LEAST_BITS   5 /* 32 bytes, the head among them */
#define MOST_BITS    16
#define REGION_BYTES ((size_t)1 << 20)
#define PAGE_BYTES   ((size_t)4096)

struct block { /* before every piece of memory that is given out */
    size_t size; /* with this head; above 1 << MOST_BITS: a mapping */
    struct block *next; /* while it is free */
};

static struct block *free_blocks[MOST_BITS + 1];
static char *region;
static size_t region_left;

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (madvise(p, size, MADV_WIPEONFORK) == 0) {
        madvise(p, size, MADV_DONTDUMP);
        return p;
    }
    munmap(p, size);
    return NULL;
}

/* What is left of the last region is too little for this one, and is forgotten. */
static struct block *carve(size_t size)
{
    if (region_left < size) {
        char *more = map(REGION_BYTES);
        if (more == NULL)
            return NULL;
        region = more;
        region_left = REGION_BYTES;
    }
    struct block *block = (struct block *)region;
    region += size;
    region_left -= size;
    return block;
}

static struct block *take(unsigned bits)
{
    struct block *block = free_blocks[bits];
    if (block != NULL)
        free_blocks[bits] = block->next;
    else
        block = carve((size_t)1 << bits);
    if (block != NULL)
        block->size = (size_t)1 << bits;
    return block;
}

static struct block *take_big(size_t size)
{
    struct block *block = map(size);
    if (block != NULL)
        block->size = size;
    return block;
}

void *bp_vault_alloc(size_t size)
{
    unsigned bits = LEAST_BITS;
    if (size > PTRDIFF_MAX - PAGE_BYTES)
        return NULL;
    size += sizeof(struct block);
    while (bits < MOST_BITS && (size_t)1 << bits < size)
        bits++;
    struct block *block = (size_t)1 << bits >= size
                              ? take(bits)
                              : take_big((size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
    return block != NULL ? block + 1 : NULL;
}

void bp_vault_free(void *p)
{
    if (p == NULL)
        return;
    struct block *block = (struct block *)p - 1;
    if (block->size > (size_t)1 << MOST_BITS) {
        munmap(block, block->size);
        return;
    }
    explicit_bzero(p, block->size - sizeof *block);
    struct block **list = &free_blocks[__builtin_ctzl(block->size)];
    block->next = *list;
    *list = block;
}

void *bp_vault_realloc(void *p, size_t size)
{
    if (p == NULL)
        return bp_vault_alloc(size);
    if (size == 0) {
        bp_vault_free(p);
        return NULL;
    }
    size_t room = ((struct block *)p - 1)->size - sizeof(struct block);
    if (size <= room)
        return p;
    void *bigger = bp_vault_alloc(size);
    if (bigger == NULL)
        return NULL;
    memcpy(bigger, p, room);
    bp_vault_free(p);
    return bigger;
}

static void *ssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size > 0 ? bp_vault_alloc(size) : NULL;
}

static void *ssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return bp_vault_realloc(p, size);
}

static void ssl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    bp_vault_free(p);
}

int bp_vault_open(void)
{
    if (CRYPTO_set_mem_functions(ssl_alloc, ssl_realloc, ssl_free) != 1)
        return -EBUSY;
    event_set_mem_functions(bp_vault_alloc, bp_vault_realloc, bp_vault_free);
    return 0;
}
