#!/usr/bin/env bash
# Finds a Docker Engine, or installs and starts one where that is possible.
#
#   engine.sh ensure   use the engine that answers, else install and start one
#   engine.sh host     print the address of the engine that answers
#   engine.sh stop     stop the engine that `ensure` has started
#
# Installing needs root on Debian or Ubuntu. systemd is not needed: without it
# dockerd is started here and goes on running for the next time.
#
#   BERTH_ENGINE_STATE    folder of the pid and the log (/var/lib/berth-dev)
#   BERTH_ENGINE_SOCKET   socket of the engine to start (/var/run/docker.sock);
#                         if set, no other engine is asked
#   BERTH_ENGINE_ARGS     more arguments for dockerd, separated by spaces
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state=${BERTH_ENGINE_STATE:-/var/lib/berth-dev}
socket=${BERTH_ENGINE_SOCKET:-/var/run/docker.sock}
pidfile=$state/dockerd.pid
log=$state/dockerd.log

# What the daemon needs of iptables, best first: the system's choice, the
# legacy kernel interface, none at all.
firewalls=(system legacy none)

ensure() {
  local answer reason
  if answer=$(ask 2>"$reasons"); then
    describe "using the engine that answers" "$answer"
    return
  fi
  reason=$(head -n 1 "$reasons")
  may_start "$reason"
  mkdir -p "$state"
  # One at a time; the lock must not stay with the daemon (see launch).
  exec 9>"$state/lock"
  flock 9
  install_engine
  if has_systemd && [ -z "${BERTH_ENGINE_SOCKET:-}" ]; then
    say "starting docker.service (systemctl start docker)"
    systemctl start docker || fail "systemd could not start Docker: journalctl -u docker tells why"
  else
    start_daemon
  fi
  answer=$(DOCKER_HOST=unix://$socket ask_engine) || fail "the engine started and does not answer; see $log"
  describe "the engine runs and stays for the next time; make engine-stop ends it" "$answer"
}

# ask asks where the person pointed to, else everywhere.
ask() {
  if [ -n "${BERTH_ENGINE_SOCKET:-}" ]; then
    DOCKER_HOST=unix://$socket ask_engine
  else
    ask_engine
  fi
}

describe() {
  local host version api
  read -r host version api <<<"$2"
  say "engine: $1: Docker $version (API $api) on $host"
}

# may_start fails with what the person can do, unless this script may install
# and start an engine itself.
may_start() {
  [ -z "${DOCKER_HOST:-}" ] || [ -n "${BERTH_ENGINE_SOCKET:-}" ] ||
    fail "no engine answers at DOCKER_HOST ($1): start it, or unset DOCKER_HOST to have one started here"
  case $1 in
  *"permission denied"*)
    fail "the engine's socket refuses you: run again as root, or join its group (usermod -aG docker $(id -un), then log in anew)" ;;
  esac
  [ "$(uname -s)" = Linux ] ||
    fail "no Docker Engine answers ($1): start Docker Desktop, Colima or another one, then run this again"
  is_root ||
    fail "no Docker Engine answers ($1) and only root may install one: run again as root (sudo make demo), or start your own"
  command -v dockerd >/dev/null || is_debian ||
    fail "no Docker Engine answers ($1), and only on Debian and Ubuntu is one installed here: install Docker, start it, run this again"
}

install_engine() {
  # docker.io only recommends procps, and without its ps there is no `top`.
  command -v dockerd >/dev/null || apt_install docker.io iptables procps
  command -v dockerd >/dev/null || fail "docker.io is installed and has no dockerd"
  # With AppArmor in the kernel and no parser no container can start.
  if grep -qs Y /sys/module/apparmor/parameters/enabled && ! command -v apparmor_parser >/dev/null && is_debian; then
    apt_install apparmor
  fi
}

start_daemon() {
  mount_cgroups
  local firewall
  for firewall in "${firewalls[@]}"; do
    say "starting dockerd (log: $log)"
    launch "$firewall"
    if wait_for_daemon; then return; fi
    if ! tail -n 30 "$log" | grep -qi iptables; then break; fi
    say "dockerd could not use iptables the $firewall way"
  done
  tail -n 15 "$log" >&2
  fail "dockerd does not start here, see above and $log (in a container it needs --privileged)"
}

# launch starts dockerd apart from this terminal, script and lock.
launch() {
  local -a arguments=(--host "unix://$socket" --pidfile "$pidfile") more=()
  local path=$PATH
  read -ra more <<<"${BERTH_ENGINE_ARGS:-}"
  case $1 in
  legacy)
    # A folder in front of PATH: the system's own choice stays as it is.
    mkdir -p "$state/legacy"
    ln -sf "$(command -v iptables-legacy || command -v iptables)" "$state/legacy/iptables"
    ln -sf "$(command -v ip6tables-legacy || command -v ip6tables)" "$state/legacy/ip6tables"
    path=$state/legacy:$PATH
    ;;
  none)
    say "without iptables: published ports work, containers do not reach the internet"
    arguments+=(--iptables=false --ip6tables=false --ip-masq=false)
    ;;
  esac
  rm -f "$pidfile"
  # It outlives this checkout, and what it runs needs a working directory.
  cd /
  PATH=$path setsid dockerd "${arguments[@]}" "${more[@]}" </dev/null >"$log" 2>&1 9>&- &
  daemon=$!
}

# wait_for_daemon waits up to a minute until it answers; it fails at once when
# the process has ended.
wait_for_daemon() {
  local _
  for _ in $(seq 1 240); do
    if DOCKER_HOST=unix://$socket ask_engine >/dev/null 2>&1; then return 0; fi
    if ! kill -0 "$daemon" 2>/dev/null; then return 1; fi
    sleep 0.25
  done
  kill "$daemon" 2>/dev/null || true
  return 1
}

# mount_cgroups gives the engine what an init system would have: control
# groups, of version 2 if the kernel has its controllers there.
mount_cgroups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    share_cgroups
    return
  fi
  if mountpoint -q /sys/fs/cgroup; then return; fi
  say "mounting the control groups on /sys/fs/cgroup"
  mount -t cgroup2 cgroup2 /sys/fs/cgroup || fail "control groups cannot be mounted (in a container: --privileged)"
  if grep -q memory /sys/fs/cgroup/cgroup.controllers; then
    share_cgroups
    return
  fi
  umount /sys/fs/cgroup
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  local name enabled
  while read -r name _ _ enabled; do
    if [ "$enabled" != 1 ]; then continue; fi # the heading is not 1 either
    mkdir -p "/sys/fs/cgroup/$name"
    mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" || rmdir "/sys/fs/cgroup/$name"
  done </proc/cgroups
}

# share_cgroups lets containers have controllers inside a container: a version
# 2 group with processes of its own cannot hand any out, so those move down.
share_cgroups() {
  local group=/sys/fs/cgroup pid controller
  local -a controllers
  if has_systemd || [ ! -e $group/cgroup.type ] || [ -s $group/cgroup.subtree_control ]; then return 0; fi
  mkdir -p $group/init
  while read -r pid; do
    echo "$pid" >$group/init/cgroup.procs 2>/dev/null || true # it may have ended
  done <$group/cgroup.procs
  read -ra controllers <$group/cgroup.controllers
  for controller in "${controllers[@]}"; do
    echo "+$controller" >$group/cgroup.subtree_control 2>/dev/null || say "control group $controller cannot be used here"
  done
}

# is_ours: the process is the daemon that this script started. One that has
# ended and that no init collects has no command line any more.
is_ours() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -q -- "--pidfile $pidfile"; }

# stop ends our own daemon only, which stops the containers on it.
stop() {
  local pid _
  pid=$(cat "$pidfile" 2>/dev/null) || fail "no engine was started here ($pidfile is missing); one under systemd stops with: systemctl stop docker"
  if ! is_ours "$pid" 2>/dev/null; then
    rm -f "$pidfile"
    say "the engine had ended already"
    return
  fi
  say "stopping dockerd (pid $pid) and the containers on it"
  kill "$pid"
  for _ in $(seq 1 120); do
    if ! is_ours "$pid" 2>/dev/null; then
      say "stopped"
      return
    fi
    sleep 0.25
  done
  fail "dockerd (pid $pid) did not end within 30 s; see $log"
}

reasons=$(mktemp)
trap 'rm -f "$reasons"' EXIT
case ${1:-} in
ensure | stop)
  build_ask_engine
  "$1"
  ;;
host)
  build_ask_engine
  answer=$(ask)
  echo "${answer%% *}"
  ;;
*) fail "usage: engine.sh ensure|host|stop" ;;
esac
