/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_xml.c - words and colours for an SVG document. */
#include <stddef.h>

#include "placement/picture_xml.h"

/* Bytes of the UTF-8 character at text, 0 if it is none that XML may hold. */
static size_t character(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80           ? 1
                    : (text[0] >> 5) == 0x06 ? 2
                    : (text[0] >> 4) == 0x0e ? 3
                    : (text[0] >> 3) == 0x1e ? 4
                                             : 0;
    if (length == 0)
        return 0;
    uint32_t code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) /* the NUL, too */
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
        code == 0xfffe || code == 0xffff || code < 0x20 || (code >= 0x7f && code < 0xa0))
        return 0;
    return length;
}

void bp_xml_put(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t length = character((const unsigned char *)text);
        if (length == 0)
            fputc('?', out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fwrite(text, 1, length, out);
        text += length > 0 ? length : 1;
    }
}

/* One of red, green, blue (0, 8, 4) of a colour: hue in degrees, saturation and lightness in %. */
static unsigned channel(unsigned hue, unsigned saturation, unsigned lightness, unsigned which)
{
    int k = (int)((which * 30 + hue) % 360); /* a ramp up, a top, a ramp down, a bottom */
    int slope = k < 180 ? k - 90 : 270 - k;
    int part = slope > 30 ? 30 : slope < -30 ? -30 : slope; /* -1 to 1, in thirtieths */
    int room = (int)(saturation * (lightness < 50 ? lightness : 100 - lightness));
    return (unsigned)((255 * ((int)lightness * 100 * 30 - room * part) + 150000) / 300000);
}

unsigned bp_xml_colour(uint32_t rank)
{
    static const unsigned char lightness[] = {78, 70, 85};
    unsigned hue = (205 + rank % 360 * 137) % 360; /* neighbours are far apart */
    unsigned light = lightness[rank / 8 % 3];
    return channel(hue, 72, light, 0) << 16 | channel(hue, 72, light, 8) << 8 |
           channel(hue, 72, light, 4);
}
