#!/usr/bin/env bash
# Benchmarks: first those in the code (go test -bench), then the whole program
# on an engine, as a Markdown report in bin/bench.md with every request in
# bin/bench-requests.log. An argument names another compose tool to measure in
# turn, such as "docker compose"; without one it is taken if it is installed
# and is not berth itself.
#
#   BENCH_ARGS   arguments for internal/testengine/bench: -services, -runs, -delay
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../setup/lib.sh"

cd "$root"
require_go
testdata/setup/engine.sh ensure
DOCKER_HOST=$(testdata/setup/engine.sh host)
export DOCKER_HOST
make --no-print-directory build

say "benchmarks in the code (go test -bench)"
go test -run '^$' -bench . -benchmem ./... | grep -v 'no test files' | grep -E '^(Benchmark|cpu|FAIL|---)' || say "there are none"

other=${1:-}
if [ -z "$other" ] && docker compose version 2>/dev/null | grep -q 'Docker Compose'; then
  # An installed berth is a link to a program of that name.
  links=$(readlink -f "${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-compose" \
    /usr/local/libexec/docker/cli-plugins/docker-compose || true)
  case $links in
  */berth*) ;;
  *) other="docker compose" ;;
  esac
fi

say "the whole program on the engine${other:+, and $other in turn}"
rm -f bin/bench-requests.log
read -ra more <<<"${BENCH_ARGS:-}"
go run ./internal/testengine/bench -berth bin/berth -compare "$other" \
  -log bin/bench-requests.log ${more[@]+"${more[@]}"} | tee bin/bench.md
say "written to bin/bench.md; every request is in bin/bench-requests.log"
