#!/usr/bin/env bash
# Brings up examples/quickstart with the berth that was just built, on an
# engine that is found or installed, and shows that it answers.
#
#   WEB_PORT   port of the front on 127.0.0.1 (8088)
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

example=$root/examples/quickstart
port=${WEB_PORT:-8088}
berth=("$root/bin/berth" -f "$example/compose.yaml")

require_go
"$root/testdata/setup/engine.sh" ensure
DOCKER_HOST=$("$root/testdata/setup/engine.sh" host)
export DOCKER_HOST

say "building berth into bin/berth"
make -C "$root" --no-print-directory build

say "compiling the example's program, for its images and for this machine"
(
  cd "$root"
  CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$example/bin/quickstart" ./examples/quickstart
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/quickstart ./examples/quickstart
)

say "bringing the stack up: berth up -d --build --wait"
"${berth[@]}" up -d --build --wait ||
  fail "the stack did not come up, see above; if port $port is taken: WEB_PORT=8089 make demo"

say "a request through front, API and store: GET http://127.0.0.1:$port/visits"
"$root/bin/quickstart" probe "http://127.0.0.1:$port/visits" "counted by api"

say "what runs: berth ps --all"
"${berth[@]}" ps --all

cat <<END

The stack runs: http://127.0.0.1:$port/
Go on with it:
  bin/berth -f examples/quickstart/compose.yaml logs
  bin/berth -f examples/quickstart/compose.yaml plan
Take it down, and with -v its data too:
  bin/berth -f examples/quickstart/compose.yaml down [-v]
END
