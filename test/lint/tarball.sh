#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tarball.sh - what `make dist` packs is all that the repository holds.
set -u
source=${BPMIX_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${BPMIX_BUILD:-$source/build}
echo "1..1"
git() {
    command git -C "$source" -c safe.directory='*' "$@"
}
if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "ok 1 - this is a tarball itself"
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! make -s -C "$build" distdir="$work/dist" distdir >"$work/log" 2>&1; then
    sed 's/^/# /' "$work/log"
    echo "not ok 1 - make distdir"
    exit 1
fi
git ls-files | grep -vE '^(\.gitignore|\.github/.*)$' | sort >"$work/have"
(cd "$work/dist" && find . \( -type f -o -type l \) | sed 's|^\./||' | sort) >"$work/packed"
missing=$(comm -23 "$work/have" "$work/packed")
if [ -n "$missing" ]; then
    echo "not ok 1 - files of the repository are missing in the tarball"
    echo "$missing" | sed 's/^/# /'
    exit 1
fi
echo "ok 1 - $(wc -l <"$work/packed") files, none is missing"
