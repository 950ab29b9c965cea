#!/usr/bin/env bash
# Puts what the tests need beside an engine into bin/, out of Debian packages
# that are unpacked there and not installed:
#
#   bin/busybox           static, for the test images (package busybox-static)
#   bin/docker-registry   for pull and push tests (package docker-registry)
#   bin/servers           PostgreSQL, Redis, nginx and NATS for the tests of
#                         whole stacks, with the libraries that are missing here
#   bin/docker-compose-*  an older and a newer docker compose, to take projects
#                         from and to hand them back to (package docker-compose
#                         of Debian's suites stable and testing)
#
# and, as root, installs a C compiler, without which Go has no race detector,
# git for builds from repositories, ps, with which the engine answers `top`, and
# jq and wget for the scripts of users that are played.
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

# unpack_servers PACKAGE... unpacks packages and what they need beyond what is
# installed. Installing them would start servers, also at the next boot.
unpack_servers() {
  local dir deb
  dir=$(mktemp -d)
  chmod 755 "$dir"
  say "unpacking $* into bin/servers (apt-get download)"
  local -a all
  mapfile -t all < <(apt-get -s install --no-install-recommends "$@" 2>/dev/null | awk '/^Inst /{print $2}')
  if [ "${#all[@]}" -gt 0 ] && (cd "$dir" && apt_get download "${all[@]}"); then
    rm -rf "$root/bin/servers.new"
    for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$root/bin/servers.new"; done
    mv "$root/bin/servers.new" "$root/bin/servers"
  else
    say "$* cannot be had; tests that need them are skipped"
  fi
  rm -rf "$dir"
}

# unpack_compose SUITE takes docker compose from a Debian suite, by package lists
# of its own: the machine's stay as they are.
unpack_compose() {
  local suite=$1 program dir mirror
  mirror=$(debian_mirror) || return 0
  dir=$(mktemp -d)
  chmod 755 "$dir"
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo "deb $mirror $suite main" >"$dir/sources.list"
  local -a own=(-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache")
  say "unpacking docker-compose of Debian $suite into bin/docker-compose-$suite (apt-get download)"
  program=$dir/files/usr/libexec/docker/cli-plugins/docker-compose
  if (cd "$dir" && apt_get "${own[@]}" update && apt_get "${own[@]}" download "docker-compose/$suite") &&
    dpkg-deb -x "$dir"/docker-compose_*.deb "$dir/files" && is_compose "$program"; then
    install -m 755 "$program" "$root/bin/docker-compose-$suite"
  else
    say "docker-compose of Debian $suite cannot be had; tests that need it are skipped"
  fi
  rm -rf "$dir"
}

# is_compose: a docker compose of version 2 or later that runs here.
is_compose() { [ -x "$1" ] && "$1" version --short 2>/dev/null | grep -q '^v\?[2-9]'; }

# debian_mirror prints where this machine has Debian's packages from; Ubuntu has
# other suites.
debian_mirror() {
  grep -qs '^ID=debian' /etc/os-release || return 1
  local -a lists
  lists=(/etc/apt/sources.list /etc/apt/sources.list.d/*)
  { cat "${lists[@]}" 2>/dev/null || true; } |
    sed -nE 's#^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*/debian)/?( .*)?$#\3#p' | head -n 1 | grep .
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
if ! [ -d "$root/bin/servers" ] && is_debian; then
  apt_refresh
  # The package postgresql only names the one of this release's version.
  postgresql=$(apt-cache depends postgresql 2>/dev/null | awk '/Depends: postgresql-[0-9]/ {print $2; exit}')
  unpack_servers redis-server nginx nats-server ${postgresql:+"$postgresql"}
fi
for suite in stable testing; do
  if ! [ -x "$root/bin/docker-compose-$suite" ] && is_debian; then unpack_compose "$suite"; fi
done
if is_root && is_debian; then
  missing=()
  command -v gcc >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
  command -v git >/dev/null || missing+=(git)
  command -v ps >/dev/null || missing+=(procps)
  for program in jq wget; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  if [ "${#missing[@]}" -gt 0 ]; then
    apt_install "${missing[@]}" || say "${missing[*]} cannot be had; tests that need them are skipped or fail"
  fi
fi
