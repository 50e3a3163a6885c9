#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ghost.sh - bpghost alone, with ghost_driver in the place of bpmaster and of the launcher.
exec "$BPMIX_BUILD/ghost_driver" "$@"
