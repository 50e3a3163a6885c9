/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.h - the symbols of plugin.so, a library to open with dlopen. */
#ifndef BP_MOVE_PLUGIN_H
#define BP_MOVE_PLUGIN_H

char *plugin_local(void);
int plugin_constructed(void);

#endif
