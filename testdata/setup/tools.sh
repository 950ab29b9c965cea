#!/usr/bin/env bash
# Puts what the tests need beside an engine into bin/, out of Debian packages
# that are unpacked there and not installed:
#
#   bin/busybox           static, for the test images (package busybox-static)
#   bin/docker-registry   for pull and push tests (package docker-registry)
#
# and, as root, installs a C compiler, without which Go has no race detector,
# git for builds from repositories, and ps, with which the engine answers `top`.
# What cannot be had is said; the tests that need it skip themselves.
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# is_static: a busybox that runs and that ldd finds no library for.
is_static() { [ -x "$1" ] && "$1" true 2>/dev/null && ! ldd "$1" 2>&1 | grep -q '=>'; }

# unpack PACKAGE PATH NAME puts one file of a package into bin/.
unpack() {
  local dir
  dir=$(mktemp -d)
  chmod 755 "$dir" # apt fetches as a user of its own
  say "unpacking $1 into bin/$3 (apt-get download)"
  if (cd "$dir" && apt_get download "$1") && dpkg-deb -x "$dir"/*.deb "$dir/files" && [ -e "$dir/files/$2" ]; then
    install -D -m 755 "$dir/files/$2" "$root/bin/$3"
  else
    say "$1 cannot be had; tests that need it are skipped"
  fi
  rm -rf "$dir"
}

mkdir -p "$root/bin"
if ! is_static "$root/bin/busybox"; then
  if is_static /bin/busybox; then
    say "copying the static /bin/busybox for the test images"
    install -m 755 /bin/busybox "$root/bin/busybox"
  elif is_debian; then
    apt_refresh
    unpack busybox-static bin/busybox busybox
  else
    say "no static busybox: set BERTH_TEST_BUSYBOX to one; tests that need it are skipped"
  fi
fi
if ! [ -x "$root/bin/docker-registry" ] && is_debian; then
  if command -v docker-registry >/dev/null; then
    ln -sf "$(command -v docker-registry)" "$root/bin/docker-registry"
  else
    apt_refresh
    unpack docker-registry usr/bin/docker-registry docker-registry
  fi
fi
if is_root && is_debian; then
  missing=()
  command -v gcc >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
  command -v git >/dev/null || missing+=(git)
  command -v ps >/dev/null || missing+=(procps)
  if [ "${#missing[@]}" -gt 0 ]; then
    apt_install "${missing[@]}" || say "${missing[*]} cannot be had; tests that need them are skipped or fail"
  fi
fi
