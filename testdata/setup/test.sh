#!/usr/bin/env bash
# Runs every test, those on a real engine included: it finds or starts the
# engine, fetches what the test images are made of, builds berth once, and
# tests each package once: the ones that live from concurrency under the race
# detector, the rest without (the detector doubles the time that the heavy
# libraries take to compile). At the end it lists what was skipped, and why.
#
#   BERTH_TEST_ENGINE=off   leave out what needs an engine
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The packages whose tests run under the race detector.
raced=(
  ./pkg/...
  ./internal/actual/...
  ./internal/engine/enginetest/...
  ./internal/execute/...
  ./internal/lock/...
  ./internal/logs/...
  ./internal/ui/...
  ./internal/testengine/proxy/...
)

# One package may take this long; then Go prints where it hangs.
limit=${BERTH_TEST_TIMEOUT:-10m}

cd "$root"
require_go
if [ "${BERTH_TEST_ENGINE:-}" = off ]; then
  say "BERTH_TEST_ENGINE=off: without an engine"
elif testdata/setup/engine.sh ensure; then
  BERTH_TEST_ENGINE=required
  DOCKER_HOST=$(testdata/setup/engine.sh host)
  export DOCKER_HOST
  testdata/setup/tools.sh
else
  say "no engine can be had here: the tests that need one are skipped, and listed at the end"
  BERTH_TEST_ENGINE=off
fi
export BERTH_TEST_ENGINE

say "building berth for the tests"
make --no-print-directory build
export BERTH_TEST_BINARY=$root/bin/berth

status=0
# run PACKAGES... FLAGS... tests them and prints a line for each.
run() {
  go test -json -timeout "$limit" "$@" | go run ./internal/testengine/report || status=1
}

mapfile -t with_race < <(go list "${raced[@]}" 2>/dev/null)
if ! command -v "$(go env CC)" >/dev/null || [ "$(go env CGO_ENABLED)" != 1 ]; then
  say "no C compiler, so no race detector"
  with_race=()
fi
mapfile -t without_race < <(go list ./... | grep -vxF -f <(printf '%s\n' "${with_race[@]:-none}"))
if [ "${#with_race[@]}" -gt 0 ]; then
  say "testing ${#with_race[@]} packages under the race detector"
  run -race "${with_race[@]}"
fi
say "testing ${#without_race[@]} packages"
run "${without_race[@]}"
say "took $((SECONDS / 60)) min $((SECONDS % 60)) s"
exit "$status"
