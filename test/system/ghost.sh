#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ghost.sh - bpghost alone, with ghost_driver in the place of bpmaster and of the launcher.
# The leak checker cannot work in a process that traces others.
ASAN_OPTIONS=${ASAN_OPTIONS+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS
exec "$BPMIX_BUILD/ghost_driver" "$@"
