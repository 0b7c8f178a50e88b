# SPDX-License-Identifier: Apache-2.0
#
# The front door. The build itself is CMake's (CMakePresets.json); this file only says which preset, which target
# and which tool make up a task.
.DEFAULT_GOAL := help
# In a pipe every part counts: a tool that fails in front of another must fail its target (tools/check-make).
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: help run build test abuse crash faults conform bench fuzz sim tidy fmt tsan mutants cov clean
.PHONY: deps-build deps-tools deps-test deps-bench deps-proxies

# For `make run ARGS='--server.shards=1'`, `make test ONLY=unit`, `make sim SEED=7`, `make fuzz TARGET=http SECONDS=600`,
# `make fuzz MINUTES=60 FAST=1`.
ARGS ?=
ONLY ?=
SEED ?=
TARGET ?=
SECONDS ?= 20
MINUTES ?=
FAST ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The server alone: who wants to try it need not wait for the load tool.
run: deps-build build/release/build.ninja ## build the server and start it on ports 8000 and 9000 (ARGS='...' for its flags)
	@ninja -C build/release plenum
	@exec build/release/plenum serve $(ARGS)

build: deps-build build/release/build.ninja ## the release binaries, server and load tool, in build/release/
	@ninja -C build/release

test: deps-test build/dev/build.ninja build/release/build.ninja ## every test, with sanitizers (ONLY=unit to choose)
	@ninja -C build/dev
	@ninja -C build/release all plenum-sim
	@node tools/run-tests.mjs --only '$(ONLY)'

abuse: deps-test build/dev/build.ninja build/release/build.ninja ## what docs/SECURITY.md bounds, with sanitizers and without (ONLY=frames to choose)
	@ninja -C build/dev
	@ninja -C build/release
	@node tools/run-tests.mjs --only 'abuse $(ONLY)'

crash: deps-test build/release/build.ninja ## a server under load, killed at random moments and started again, ROUNDS=100 times: all that was told is there (SEED=n replays one)
	@ninja -C build/release plenum
	@node tests/crash/crash.mjs --rounds $(or $(ROUNDS),100) $(if $(SEED),--seed $(SEED))

conform: deps-test deps-proxies build/release/build.ninja ## what is too long for `test`: each size, fragment, chop and compression of the suites of others (MESSAGES=1000 of each)
	@ninja -C build/release plenum
	@node tools/run-tests.mjs --build build/release --long --only '$(ONLY)'

faults: deps-test build/dev/build.ninja build/release/build.ninja ## every allocation and system call fails once, at each place (ONLY=tls to choose, ARGS='--builds dev')
	@ninja -C build/dev
	@ninja -C build/release
	@node tests/faults/run.mjs --only '$(ONLY)' $(ARGS)

bench: deps-bench build ## measure, with the peers beside it (ARGS='--quick'; ARGS=--help)
	@bench/run $(ARGS)
	@$(if $(ARGS),:,bench/changes)

fuzz: deps-tools build/fuzz$(if $(FAST),-fast)/build.ninja ## libFuzzer on every target (SECONDS=20 each, or MINUTES=n in all; TARGET=http to choose; FAST=1 without sanitizers)
	@ninja -C build/fuzz$(if $(FAST),-fast)
	@tools/fuzz build/fuzz$(if $(FAST),-fast) $(if $(MINUTES),$(MINUTES)m,$(SECONDS)) $(TARGET)

sim: deps-tools build/dev/build.ninja ## the simulator, 500 seeds (SEED=n replays one, ARGS='...' for its flags)
	@ninja -C build/dev plenum-sim
	@build/dev/tests/sim/plenum-sim $(if $(SEED),--from $(SEED) --count 1,--from 1 --count 500) $(ARGS)

tidy: deps-tools build/tidy/build.ninja ## layers, arrows, banned functions, shape, links, assertions, format, symbols, clang's warnings, clang-tidy
	@tools/check-selftest --quiet
	@tools/check-make
	@tools/check-layers
	@tools/check-banned
	@tools/check-shape
	@tools/check-links
	@tools/check-assertions.mjs
	@tools/check-format
	@ninja -C build/tidy
	@tools/check-symbols build/tidy
	@tools/check-arrows . build/tidy
	@tools/check-unused build/tidy
	@tools/tidy build/tidy

fmt: deps-tools ## clang-format on all C of ours
	@git ls-files -co --exclude-standard '*.[ch]' | xargs -r clang-format -i

tsan: deps-test build/tsan/build.ninja build/release/build.ninja ## every test under ThreadSanitizer
	@ninja -C build/tsan
	@ninja -C build/release all plenum-sim
	@node tools/run-tests.mjs --build build/tsan --slow 4 --seeds 50 --release-seeds 1 --only '$(ONLY)'

mutants: deps-test ## plant small bugs one at a time, and say which test sees each (ONLY=core/home to choose)
	@node tools/mutants.mjs --only '$(ONLY)'

cov: deps-test build/cov/build.ninja build/release/build.ninja ## unit tests, fuzz corpora, simulator and conformance, then branches and lines that they reached (ONLY=unit to choose)
	@ninja -C build/cov
	@ninja -C build/release all plenum-sim
	@find build/cov -name '*.gcda' -delete
	@status=0; node tools/run-tests.mjs --build build/cov --seeds 100 --release-seeds 1 --kinds unit,fuzz,sim,conform --only '$(ONLY)' || status=$$?; \
		tools/coverage.mjs build/cov && exit $$status

clean: ## remove build/
	rm -rf build

deps-build deps-tools deps-test deps-bench deps-proxies: deps-%:
	@scripts/install-deps $*

# CMake follows its own files; the presets it does not. `deps` first: without cmake there is nothing to configure.
build/%/build.ninja: CMakePresets.json | deps-build
	@cmake --preset $* --log-level=WARNING
	@touch $@
