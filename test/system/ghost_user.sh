#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ghost_user.sh - the same tests of bpghost as an ordinary user without a passwd entry.
# The leak checker cannot work in a process that traces others.
ASAN_OPTIONS=${ASAN_OPTIONS+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS
exec "$BPMIX_BUILD/ghost_driver" -u 12345
