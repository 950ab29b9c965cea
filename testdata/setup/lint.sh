#!/usr/bin/env bash
# Checks the code's form: golangci-lint with .golangci.yml where it is
# installed, else gofmt and go vet; shellcheck on the scripts where it is.
set -euo pipefail
# shellcheck source=testdata/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$root"
require_go
if command -v golangci-lint >/dev/null; then
  say "golangci-lint run (the rules are in .golangci.yml)"
  golangci-lint run ./...
else
  say "golangci-lint is not installed (https://golangci-lint.run): gofmt and go vet only"
  mapfile -t misformed < <(git ls-files -z '*.go' | xargs -0 gofmt -l)
  [ "${#misformed[@]}" = 0 ] || fail "not formatted, run gofmt -w on: ${misformed[*]}"
  go vet ./...
fi
if command -v shellcheck >/dev/null; then
  say "shellcheck on the scripts"
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -x
else
  say "shellcheck is not installed: the scripts are not checked"
fi
say "nothing to complain about"
