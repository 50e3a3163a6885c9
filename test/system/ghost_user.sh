#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ghost_user.sh - the same tests of bpghost as an ordinary user without a passwd entry.
exec "$BPMIX_BUILD/ghost_driver" -u 12345
