# Everything a developer or a first user runs. Each target sets up what it needs.
SHELL := /bin/bash
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
POGSON := $(TARGET)/release/pogson
DEMO ?= demo

.PHONY: help demo build worker test models lint test-foreign soak bench man clean setup

help:
	@echo "make demo           simulate a small survey, make its mosaic, measure it against the truth"
	@echo "make test           lint, documentation and all tests that need only the Rust toolchain"
	@echo "make test-foreign   compare with astropy, reproject, Montage, SWarp, SExtractor, CFITSIO"
	@echo "make models         the shared-memory ring's orders, all of them; part of make test"
	@echo "make soak           an hour of fuzzing, and whether the models find what is taken out of the ring"
	@echo "make bench          speed and memory beside the peers"
	@echo "make build          the release binary, $(POGSON)"
	@echo "make worker         the program that volunteers' hosts run, for several machines, under $(TARGET)/workers"
	@echo "make man            manual pages under $(TARGET)/man"

# A C compiler and make are all that is needed besides Rust.
setup:
	@tests/setup.sh toolchain

build: setup
	$(CARGO) build --release --locked --bin pogson --bin pogson-worker

# Static programs for volunteers' hosts, as far as Rust's targets can be fetched.
worker: setup
	@tests/workers.sh "$(TARGET)"

demo: build
	@POGSON=$(POGSON) tests/demo.sh "$(DEMO)"

# One seed, so that a change is judged by itself; set another to look further.
test: lint models
	PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-1856} $(CARGO) test --workspace --locked

# The ring's words in every order that processors allow, and two whole ends by random schedules.
models: setup
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(TARGET)/loom $(CARGO) test --release --locked -p pogson-ring --test model
	RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=$(TARGET)/shuttle $(CARGO) test --release --locked -p pogson-ring --test ends

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	@tests/licences.sh

test-foreign: build
	@POGSON_BIN=$(abspath $(POGSON)) tests/foreign/run.sh "$(TARGET)/foreign-venv"

soak: setup
	@grid/ring/tests/mutants.sh
	@tests/soak.sh

bench: build
	@POGSON_BIN=$(abspath $(POGSON)) bench/run.sh

man: build
	$(POGSON) man $(TARGET)/man

clean:
	$(CARGO) clean
	rm -rf demo
