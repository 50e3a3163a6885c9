/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.h - the two ends of bpcp, each on any machine; a stream of copy_record.h between them. */
#ifndef BP_TOOLS_COPY_H
#define BP_TOOLS_COPY_H

struct copy_options {
    int recursive;
    int preserve; /* modes and times */
    int folder;   /* the destination must be an existing folder */
    int show;     /* progress, on stderr */
};

/* Say what happened to a file, on stderr, with the node in front. error: errno, 0 = none. */
void copy_say(const char *path, const char *what, int error);

/* Send files and folders. 0; 1 = some could not be read, as was said; or -errno: nobody takes the
 * stream any more. */
int copy_send(int out, char *const *paths, unsigned count, const struct copy_options *options);

/* Write what comes to `destination`. names: what each of the sources is to be called in a folder
 * ("." = the folder itself). 0, or 1 = not all is there, as was said. */
int copy_take(int in, const char *destination, char *const *names, unsigned count,
              const struct copy_options *options);

/* The last component of a path, "." if it has none. The caller frees it. */
char *copy_base_name(const char *path);

#endif
