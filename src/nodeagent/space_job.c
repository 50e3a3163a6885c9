/* SPDX-License-Identifier: BSD-3-Clause */
/* space_job.c - what SETUP says about the job: identity, limits, stubs, strings. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_job.h"

int bp_space_strings_cut(char *bytes, uint32_t size, uint32_t count, char **vector)
{
    char *end = bytes + size;
    for (uint32_t i = 0; i < count; i++) {
        char *nul = bytes < end ? memchr(bytes, '\0', (size_t)(end - bytes)) : NULL;
        if (nul == NULL)
            return -EPROTO;
        vector[i] = bytes;
        bytes = nul + 1;
    }
    vector[count] = NULL;
    return bytes == end ? 0 : -EPROTO;
}

static int read_setup(struct bp_space_job *job, const struct bp_space_packet *packet,
                      struct bp_error *err)
{
    struct bp_space_setup *s = &job->setup;
    if (packet->record.length < sizeof *s)
        return bp_error_set(err, -EPROTO, "SETUP is too short");
    memcpy(s, packet->payload, sizeof *s);
    if (s->version != BP_SPACE_VERSION)
        return bp_error_set(err, -EPROTONOSUPPORT, "SETUP is of version %u, not %u", s->version,
                            BP_SPACE_VERSION);
    if (s->groups > BP_SPACE_GROUPS_MAX ||
        packet->record.length != sizeof *s + s->groups * sizeof(uint32_t))
        return bp_error_set(err, -EPROTO, "SETUP's groups do not fit its length");
    memcpy(job->groups, packet->payload + sizeof *s, s->groups * sizeof(uint32_t));
    if (memchr(s->directory, '\0', sizeof s->directory) == NULL ||
        memchr(s->hostname, '\0', sizeof s->hostname) == NULL)
        return bp_error_set(err, -EPROTO, "a name in SETUP does not end");
    if (s->lease_ms == 0 || s->launcher_pid < 0 || s->group_pid < 0 || s->session_pid < 0 ||
        s->uid == UINT32_MAX || s->gid == UINT32_MAX || s->nice < -20 || s->nice > 19 ||
        s->leads > BP_LEADS_SESSION)
        return bp_error_set(err, -EPROTO, "SETUP has an impossible lease, process or user");
    if (packet->nfds != 1)
        return bp_error_set(err, -EPROTO, "SETUP has %u descriptors, not 1", packet->nfds);
    return 0;
}

/* Our own copy of the strings, so that nobody who still holds the file can change or shorten it. */
static int copy_strings(int fd, struct bp_space_strings *ret_header, char **ret_bytes,
                        struct bp_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof *ret_header ||
        st.st_size > (off_t)BP_SPACE_STRINGS_MAX ||
        pread(fd, ret_header, sizeof *ret_header, 0) != (ssize_t)sizeof *ret_header)
        return bp_error_set(err, -EPROTO, "the file of strings is no such file");
    if (ret_header->bytes != (uint64_t)st.st_size - sizeof *ret_header ||
        ret_header->argc > ret_header->bytes || ret_header->envc > ret_header->bytes ||
        ret_header->files > BP_SPACE_FILES_MAX)
        return bp_error_set(err, -EPROTO, "the file of strings has another length than it says");
    auto_free char *bytes = bp_calloc(ret_header->bytes + 1u, 1);
    for (size_t done = 0; done < ret_header->bytes;) {
        ssize_t got =
            pread(fd, bytes + done, ret_header->bytes - done, (off_t)(sizeof *ret_header + done));
        if (got <= 0)
            return bp_error_set(err, -EPROTO, "the file of strings became shorter");
        done += (size_t)got;
    }
    *ret_bytes = bp_take_ptr(bytes);
    return 0;
}

/* The files stand behind everything else. Ranks tell each other what they have truncated in a page
 * of theirs. */
static int read_files(struct bp_space_job *job, char *const *strings, uint32_t count)
{
    void *page = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (bp_space_file_read(strings[i], &job->files[i]) < 0)
            return -EPROTO;
    if (count > 0)
        page = mmap(NULL, BP_SPACE_FILES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    job->truncated = page;
    for (uint32_t i = 0; i < count; i++)
        job->files[i].truncated = job->truncated + i;
    job->file_count = count;
    return 0;
}

static int read_strings(struct bp_space_job *job, int fd, struct bp_error *err)
{
    struct bp_space_strings header;
    auto_free char *bytes = NULL;
    int r = copy_strings(fd, &header, &bytes, err);
    if (r < 0)
        return r;
    uint32_t before = header.argc + header.envc + 2; /* each at most 8 Mi */
    uint32_t count = before + header.files;
    auto_free char **all = bp_calloc(count + 1u, sizeof *all);
    if (bp_space_strings_cut(bytes, header.bytes, count, all) < 0)
        return bp_error_set(err, -EPROTO, "the file of strings does not hold %u strings", count);
    if (read_files(job, all + before, header.files) < 0)
        return bp_error_set(err, -EPROTO, "the file of strings names an impossible file");
    job->argc = header.argc;
    job->envc = header.envc;
    job->argv = bp_calloc(header.argc + 1u, sizeof *job->argv);
    job->envp = bp_calloc(header.envc + 1u, sizeof *job->envp);
    memcpy(job->argv, all, header.argc * sizeof *all);
    memcpy(job->envp, all + header.argc, header.envc * sizeof *all);
    job->cwd = all[before - 2];
    job->program = all[before - 1];
    job->strings = bp_take_ptr(bytes); /* argv, envp and the rest point into it */
    return 0;
}

int bp_space_job_read(struct bp_space_job *job, const struct bp_space_packet *packet,
                      struct bp_error *err)
{
    int r = read_setup(job, packet, err);
    return r < 0 ? r : read_strings(job, packet->fds[0], err);
}

void bp_space_job_done(struct bp_space_job *job)
{
    free(job->strings);
    free(job->argv);
    free(job->envp);
    if (job->truncated != NULL)
        munmap((void *)job->truncated, BP_SPACE_FILES_MAX);
}

int bp_space_job_change(struct bp_space_job *job, const struct bp_space_packet *packet,
                        struct bp_error *err)
{
    struct bp_space_job next = *job;
    int r = bp_space_job_read(&next, packet, err);
    if (r < 0)
        return r;
    if (next.setup.uid != job->setup.uid || next.setup.gid != job->setup.gid ||
        next.setup.groups != job->setup.groups ||
        memcmp(next.groups, job->groups, next.setup.groups * sizeof *next.groups) != 0) {
        bp_space_job_done(&next);
        return bp_error_set(err, -EPROTO, "SETTINGS of another user");
    }
    bp_space_job_done(job);
    *job = next;
    return 0;
}
