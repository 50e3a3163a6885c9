#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# space.sh - bpspace alone, with space_driver in bpnode's place.
exec "$BPMIX_BUILD/space_driver" "$BPMIX_PREFIX/libexec/bpmix/bpspace"
