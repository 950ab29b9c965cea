# make help lists the targets. The scripts behind them are in testdata/setup.

PREFIX  ?= /usr/local
DESTDIR ?=
# The version is the tag that git knows, else the commit; without git it is dev.
VERSION ?= $(or $(shell git describe --tags --match "v*" --dirty 2>/dev/null | sed "s/^v//"),0.0.0-dev$(addprefix +,$(shell git rev-parse --short HEAD 2>/dev/null)))

# CI may lack HOME, and Go needs one for its cache.
HOME := $(or $(HOME),$(shell getent passwd `id -u` | cut -d: -f6),/tmp)
export HOME
# A checkout that belongs to someone else must not stop the build; the version
# is stamped below.
export GOFLAGS += -buildvcs=false

LDFLAGS := -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help demo demo-down engine engine-stop test build docs lint bench install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## bring up examples/quickstart; installs and starts an engine if none answers
	@testdata/setup/demo.sh

demo-down: ## take the demo down, its data included
	@DOCKER_HOST=$$(testdata/setup/engine.sh host) bin/berth -f examples/quickstart/compose.yaml down --volumes

engine: ## find a Docker Engine, or install and start one (root, Debian or Ubuntu)
	@testdata/setup/engine.sh ensure

engine-stop: ## stop the engine that make started, and the containers on it
	@testdata/setup/engine.sh stop

test: ## run all tests, on a real engine where one can be had
	@testdata/setup/test.sh

build: ## build bin/berth, one static file
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/berth ./cmd/berth

docs: ## write docs/cli and docs/man anew from the commands
	@go test ./internal/cli -run TestReference -update

lint: ## golangci-lint where it is installed, else gofmt and go vet
	@testdata/setup/lint.sh

bench: ## benchmarks of the code, then of the whole program on an engine
	@testdata/bench/run.sh

install: build ## install berth, and as `docker compose` (SYSTEM=1: for all users)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' testdata/setup/install.sh install

uninstall: ## remove what install put there
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' testdata/setup/install.sh uninstall

clean: ## remove what was built
	@rm -rf bin dist examples/quickstart/bin
