// sources: src/image/decode.c src/image/elf.c src/image/check.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_image.c - any prologue: refused, or all it says is within bounds; any vdso, any ELF file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "image/decode.h"
#include "image/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sum;

static void must(int ok)
{
    if (!ok)
        abort();
}

/* All that the restorer will use. */
static void view_use(const struct bp_image_view *view)
{
    uint64_t at = 0, run = 0, pages = 0;

    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        must(area->start >= at && area->end > area->start && area->end <= BP_IMAGE_HIGHEST);
        must(area->kind != BP_AREA_FILE || area->file < view->head->files);
        sum += strlen(view->strings + area->name);
        for (uint32_t k = 0; k < area->runs; k++, run++) {
            must(view->runs[run].start >= area->start);
            must(view->runs[run].start + view->runs[run].pages * BP_IMAGE_PAGE <= area->end);
            pages += view->runs[run].pages;
        }
        at = area->end;
    }
    must(run == view->head->runs && pages == view->head->pages);
    must(view->layout.bytes == view->layout.data + pages * BP_IMAGE_PAGE);
    for (uint32_t i = 0; i < view->head->files; i++)
        sum += strlen(view->strings + view->files[i].path) + view->files[i].id[31];
    for (uint32_t i = 0; i < view->head->pending; i++)
        sum += view->pending[i].info[127];
    for (uint32_t i = 0; i < view->head->patches; i++)
        sum += view->patches[i].address;
    for (uint32_t i = 0; i < view->head->guards; i++)
        must(view->guards[i].pages > 0 && view->guards[i].start >= view->areas[0].start &&
             view->guards[i].start + view->guards[i].pages * BP_IMAGE_PAGE <= at);
    for (uint32_t i = 0; i < view->head->auxv_words; i++)
        sum += view->auxv[i];
    for (uint32_t i = 0, word = view->head->words; i < view->head->words_count; i++) {
        sum += strlen(view->strings + word);
        word += (uint32_t)strlen(view->strings + word) + 1;
    }
    sum += strlen(view->strings + view->head->exe) + strlen(view->strings + view->head->cwd);
}

/* Inputs are short: a head is its first part, with zeros for the rest, and counts of few bits. */
#define SHORT_HEAD 552

static void image(const uint8_t *data, size_t size)
{
    size_t head = size < SHORT_HEAD ? size : SHORT_HEAD, rest = size - head;
    size_t bytes = (sizeof(struct bp_image_head) + rest + 4095) / 4096 * 4096;
    struct bp_image_head *prologue = calloc(1, bytes);
    struct bp_image_view view;

    memcpy(prologue, data, head);
    prologue->magic = BP_IMAGE_MAGIC;
    prologue->version = BP_IMAGE_VERSION;
    prologue->kind = prologue->kind % 4;
    memcpy(prologue + 1, data + head, rest);
    if (bp_image_decode(prologue, bytes, &view) == NULL)
        view_use(&view);
    free(prologue);
}

struct bytes {
    const uint8_t *data;
    size_t size;
};

static long bytes_read(void *arg, void *buffer, size_t size, uint64_t offset)
{
    const struct bytes *bytes = arg;

    if (offset >= bytes->size)
        return 0;
    if (size > bytes->size - offset)
        size = bytes->size - offset;
    memcpy(buffer, bytes->data + offset, size);
    return (long)size;
}

static void elf(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    uint8_t id[32], *vdso = malloc(size + 1);
    uint64_t offset;
    const char *name;

    must(bp_elf_build_id(bytes_read, &bytes, id, sizeof(id)) <= sizeof(id));
    memcpy(vdso, data, size);
    for (uint32_t i = 0; (name = bp_elf_symbol(vdso, size, i, &offset)) != NULL; i++) {
        must(offset < size);
        sum += strlen(name);
    }
    sum += bp_elf_function(vdso, size, "__vdso_time");
    free(vdso);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] % 2 == 0)
        image(data + 1, size - 1);
    else
        elf(data + 1, size - 1);
    return 0;
}
