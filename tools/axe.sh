#!/bin/sh
# Fetches axe-core, with which the browser tests check pages for contrast, labels and landmarks, into build/.
#
#   sh tools/axe.sh
#
# It comes from npm (MPL-2.0), is checked against the hash below, and is no part of anything that is installed.
set -eu
VERSION=4.14.1
SHA256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
ROOT=$(dirname "$0")/..

[ ! -e "$ROOT/build/axe.min.js" ] || exit 0
command -v npm >/dev/null || {
    echo "axe.sh: npm is missing, so the tests of contrast and labels are left out" >&2
    exit 0
}
mkdir -p "$ROOT/build"
cd "$ROOT/build"
npm pack --silent "axe-core@$VERSION" >/dev/null
echo "$SHA256  axe-core-$VERSION.tgz" | sha256sum --check --quiet
tar -xzf "axe-core-$VERSION.tgz" --strip-components=1 package/axe.min.js
rm "axe-core-$VERSION.tgz"
