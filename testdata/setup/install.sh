#!/usr/bin/env bash
# install.sh install|uninstall: puts bin/berth into PREFIX/bin and makes it the
# Docker CLI's plugin, so that `docker compose` runs it.
#
#   PREFIX=/usr/local   where programs go
#   DESTDIR=            put in front of every path, for packages; implies SYSTEM
#   SYSTEM=1            the plugin for all users, in PREFIX/libexec/docker
#   PLUGIN=0            no plugin
#   FORCE=1             take the place of another docker-compose plugin, which
#                       is kept beside it and comes back with uninstall
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prefix=${PREFIX:-/usr/local}
program=$prefix/bin/berth
if [ -n "${DESTDIR:-}" ] || [ "${SYSTEM:-0}" = 1 ]; then
  plugin=${DESTDIR:-}$prefix/libexec/docker/cli-plugins/docker-compose
else
  plugin=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-compose
fi
kept=$plugin.before-berth

# is_ours: a link to a program called berth.
is_ours() { [ "$(basename "$(readlink "$plugin" || true)")" = berth ]; }

# is_there: also when it is a link to nowhere.
is_there() { [ -e "$1" ] || [ -L "$1" ]; }

install_all() {
  say "installing ${DESTDIR:-}$program"
  mkdir -p "${DESTDIR:-}$prefix/bin" || fail "$prefix/bin cannot be written: run as root, or PREFIX=\$HOME/.local make install"
  install -m 755 "$root/bin/berth" "${DESTDIR:-}$program" ||
    fail "$prefix/bin cannot be written: run as root, or PREFIX=\$HOME/.local make install"
  if [ "${PLUGIN:-1}" = 0 ]; then return; fi
  if is_there "$plugin" && ! is_ours; then
    [ "${FORCE:-0}" = 1 ] ||
      fail "berth is installed, but not as docker compose: $plugin is another one's (FORCE=1 takes its place and keeps it, PLUGIN=0 leaves it alone)"
    say "keeping the other plugin as $kept"
    mv "$plugin" "$kept"
  fi
  say "linking $plugin: docker compose is berth now"
  mkdir -p "$(dirname "$plugin")"
  ln -sfn "$program" "$plugin"
}

uninstall_all() {
  if is_there "$plugin" && is_ours; then
    say "removing $plugin"
    rm -f "$plugin"
    if is_there "$kept"; then
      say "the plugin from before comes back"
      mv "$kept" "$plugin"
    fi
  fi
  say "removing ${DESTDIR:-}$program"
  rm -f "${DESTDIR:-}$program"
}

case ${1:-} in
install | uninstall) "${1}_all" ;;
*) fail "usage: install.sh install|uninstall" ;;
esac
