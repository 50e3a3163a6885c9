/* SPDX-License-Identifier: BSD-3-Clause */
/* locales.c - a locale of the program and one of the thread, conversions half done. */
#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "move_test.h"

static void spoil(void)
{
    setlocale(LC_ALL, "C");
}

int main(void)
{
    CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL, "no locale C.UTF-8");
    locale_t plain = newlocale(LC_ALL_MASK, "C", NULL);
    CHECK(plain != NULL, "%m");
    iconv_t latin = iconv_open("UTF-8", "ISO-8859-1");
    CHECK(latin != (iconv_t)-1, "%m");
    mbstate_t half = {0};
    wchar_t wide;
    CHECK(mbrtowc(&wide, "\xc3", 1, &half) == (size_t)-2, "the first half of a letter");
    hop(spoil);
    CHECK(strcmp(nl_langinfo(CODESET), "UTF-8") == 0, "%s", nl_langinfo(CODESET));
    CHECK(mbrtowc(&wide, "\xa4", 1, &half) == 1 && wide == 0xe4, "the second half of a letter");
    CHECK(towupper(0xe4) == 0xc4, "an upper case letter");
    char from[] = "\xfc", to[8] = "", *in = from, *out = to;
    size_t in_left = 1, out_left = sizeof to;
    CHECK(iconv(latin, &in, &in_left, &out, &out_left) == 0, "%m");
    CHECK(strcmp(to, "\xc3\xbc") == 0, "%s", to);
    CHECK(iconv_close(latin) == 0, "%m");
    iconv_t after = iconv_open("ISO-8859-15", "UTF-8");
    CHECK(after != (iconv_t)-1 && iconv_close(after) == 0, "%m");
    CHECK(uselocale(plain) == LC_GLOBAL_LOCALE, "uselocale");
    CHECK(strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0, "%s", nl_langinfo(CODESET));
    uselocale(LC_GLOBAL_LOCALE);
    freelocale(plain);
    return 0;
}
