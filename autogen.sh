#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# autogen.sh - make configure; only needed in a checkout, not in a distribution tarball.
set -eu
cd "$(dirname "$0")"
mkdir -p build-aux m4
autoreconf --install --force
