/* SPDX-License-Identifier: BSD-3-Clause */
/* dlopen.c - libraries opened before the move and after it. */
#include <dlfcn.h>
#include <link.h>

#include "move_test.h"
#include "plugin.h"

static void spoil(void)
{
    dlopen("libresolv.so.2", RTLD_NOW);
}

static int count(struct dl_phdr_info *info, size_t size, void *counter)
{
    (void)info;
    (void)size;
    ++*(int *)counter;
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2, "usage: dlopen PLUGIN");
    void *plugin = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
    CHECK(plugin != NULL, "%s", dlerror());
    int (*constructed)(void) = (int (*)(void))dlsym(plugin, "plugin_constructed");
    CHECK(constructed != NULL && constructed() == 1, "the library before");
    int before = 0, after = 0;
    dl_iterate_phdr(count, &before);
    hop(spoil);
    dl_iterate_phdr(count, &after);
    CHECK(before == after, "%d objects, were %d", after, before);
    CHECK(constructed() == 1, "the library after");
    CHECK(dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) == plugin, "the same handle");
    CHECK(dlsym(plugin, "plugin_local") != NULL, "%s", dlerror());
    void *math = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    CHECK(math != NULL, "%s", dlerror());
    double (*cosine)(double) = (double (*)(double))dlsym(math, "cos");
    CHECK(cosine != NULL && cosine(0) == 1.0, "a library opened after");
    CHECK(dlopen("libdoesnotexist.so.1", RTLD_NOW) == NULL && dlerror() != NULL, "no such library");
    CHECK(dlclose(math) == 0, "%s", dlerror());
    CHECK(dlclose(plugin) == 0 && dlclose(plugin) == 0, "%s", dlerror());
    CHECK(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL, "the library is still open");
    return 0;
}
