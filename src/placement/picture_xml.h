/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_xml.h - words and colours for an SVG document. */
#ifndef BP_PLACEMENT_PICTURE_XML_H
#define BP_PLACEMENT_PICTURE_XML_H

#include <stdint.h>
#include <stdio.h>

/* Any bytes as XML text or attribute: markup is escaped, what is not UTF-8 or not allowed in XML
 * becomes "?". */
void bp_xml_put(FILE *out, const char *text);

/* A light colour for a rank, far from those of its neighbours: 0xrrggbb. */
unsigned bp_xml_colour(uint32_t rank);

#endif
