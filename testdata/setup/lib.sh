# shellcheck shell=bash
# What the set-up scripts share: messages, apt, finding the engine. Sourced.

# CI runs without a standard input, without HOME, and with a short PATH.
exec </dev/null
if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6) || HOME=
  [ -d "$HOME" ] || HOME=/tmp
  export HOME
fi
export PATH="$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"

# A checkout owned by someone else must not stop the build: versions are
# stamped by the Makefile.
case " ${GOFLAGS:-} " in
*-buildvcs=*) ;;
*) export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false" ;;
esac

# root is the folder of go.mod.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export root

# say explains a step, fail the end of all.
say() { printf '%s\n' "==> $*"; }
fail() {
  printf '%s\n' "error: $*" >&2
  exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# is_debian: Debian, Ubuntu and what descends from them.
is_debian() { command -v apt-get >/dev/null && [ -e /etc/debian_version ]; }

# has_systemd: not only installed, but in charge.
has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

require_go() {
  command -v go >/dev/null || fail "Go is missing: install the version that go.mod names from https://go.dev/dl/"
}

# apt_get runs one apt-get command quietly: it waits up to five minutes for
# another apt to end, tries three times, and shows what apt said at the end. A
# mirror may be older than its lists say they last: the signatures still hold.
apt_get() {
  local log waited=0 attempt=1
  log=$(mktemp)
  until DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; do
    if grep -q 'Could not get lock' "$log" && [ "$waited" -lt 300 ]; then
      [ "$waited" -gt 0 ] || say "waiting for another apt to finish"
      waited=$((waited + 5))
      sleep 5
      continue
    fi
    if [ "$attempt" -ge 3 ]; then
      tail -n 15 "$log" >&2
      rm -f "$log"
      return 1
    fi
    say "apt-get $1 failed, trying again"
    sleep $((attempt * 5))
    attempt=$((attempt + 1))
  done
  rm -f "$log"
}

# apt_refresh reads the package lists once per script, only if it may. Old
# lists may still do when that fails.
apt_refreshed=
apt_refresh() {
  if [ -n "$apt_refreshed" ] || ! is_root; then return 0; fi
  say "reading the package lists (apt-get update)"
  apt_get update || say "the package lists could not be read; going on with the old ones"
  apt_refreshed=yes
}

# apt_install installs packages; services do not start by themselves where
# there is no systemd, since the scripts start what they need.
apt_install() {
  apt_refresh
  say "installing $* (apt-get install --no-install-recommends)"
  if has_systemd; then
    apt_get install --no-install-recommends "$@"
  else
    RUNLEVEL=1 apt_get install --no-install-recommends "$@"
  fi
}

# ask_engine prints "HOST VERSION API" of the engine that answers, or fails
# with the reasons on stderr. It is a Go program: there may be no curl.
ask_engine() { "$root/bin/find-engine"; }

build_ask_engine() {
  require_go
  (cd "$root" && CGO_ENABLED=0 go build -trimpath -o bin/find-engine ./internal/testengine/find) ||
    fail "the set-up's own program does not compile, see above"
}
