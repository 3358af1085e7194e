# What one does with this repository. Each target is a line or two of cargo, so nobody needs make: read them, run them.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# Cargo uses every core by itself; the order of the targets is meant.
.NOTPARALLEL:
START := $(shell date +%s)

# A Rust that was installed in this very shell is not in its PATH yet.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

CARGO ?= cargo
# Cargo.lock decides the versions; a change of it is a change to commit.
LOCKED ?= --locked
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Arguments of what is run: make run ARGS='--listen 0.0.0.0:8420', make bench ARGS='--only lone'
ARGS ?=

.PHONY: help
help: ## Say what there is (this)
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  ARGS='...'       arguments of the service: make run ARGS='--listen 0.0.0.0:8420'"
	@echo "                   or of the measurements: make bench ARGS='--only lone', ARGS=--help"

.PHONY: run
run: build ## Install what is missing, build, and run the service here until Ctrl-C
	exec $(TARGET_DIR)/release/milepost serve $(ARGS)

.PHONY: build
build: deps web-if-possible ## Build the release binary, target/release/milepost
	$(CARGO) build $(LOCKED) --release -p milepost-cli

# The cheap ones first. The tests of the whole system start the binary that is built here.
.PHONY: test
test: deps-test fmt-check packaging web-test lint ## Install what the tests need, and run all checks and tests: what CI runs
	$(CARGO) build $(LOCKED) --workspace --bins
	$(CARGO) test $(LOCKED) --workspace
	@echo "All checks and tests passed, in $$(($$(date +%s) - $(START))) s."

# What the page is made of. The types of the API are generated from the document, by the build itself.
WEB := $(shell find web/src web/public web/index.html web/package.json web/tsconfig*.json web/vite.config.ts -type f ! -name schema.ts)

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json openapi/milepost.json $(WEB)
	cd web && npm run build
	@touch $@

.PHONY: web
web: web/dist/index.html ## Build the page into web/dist, for the next build of the service (needs Node 18 and npm)

# The service is whole without its page, and says at / how to get it.
.PHONY: web-if-possible
web-if-possible:
	@if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then \
		$(MAKE) --no-print-directory web || echo "The page could not be built; the service goes without it." >&2; \
	else \
		echo "There is no Node 18 with npm (packages: nodejs npm); the service goes without its page." >&2; \
	fi

.PHONY: web-test
web-test: web ## Run the tests of the page that need no browser
	cd web && npm run check && npm test

# Made by hand when the page has changed, and looked at: nothing compares pictures.
.PHONY: screenshots
screenshots: web ## Take the pictures of README and docs, of a fleet that `milepost demo` plays (needs Chromium)
	$(CARGO) build $(LOCKED) -p milepost-cli
	$(CARGO) test $(LOCKED) -p milepost-tests --test browser -- --ignored --nocapture pictures_are_taken

.PHONY: web-measure
web-measure: web ## Measure the fleet of ten thousand rows in Chromium, and write the figures into docs/web.md
	$(CARGO) test $(LOCKED) -p milepost-tests --test browser -- --ignored --nocapture measured

.PHONY: bench
bench: bench-build ## Measure the service against its references, 20 minutes, and write docs/benchmarks.md
	tests/bench/references/flask/install.sh $(TARGET_DIR)/venv-bench
	$(TARGET_DIR)/release/bench $(ARGS)

.PHONY: bench-quick
bench-quick: bench-build ## Measure what tells most, in two minutes
	$(TARGET_DIR)/release/bench --quick $(ARGS)

.PHONY: bench-eta
bench-eta: ## Measure how well the end of a build is foretold, and write docs/estimates.md
	$(CARGO) run $(LOCKED) --quiet --release -p milepost-eta -- $(ARGS)

# The service is built by itself, exactly as it is shipped; the references with the same flags.
.PHONY: bench-build
bench-build: deps-bench
	$(CARGO) build $(LOCKED) --release -p milepost-cli
	$(CARGO) build $(LOCKED) --release -p milepost-bench

# What `make test` has 2000 of. How many is a matter of patience.
SIGNALS_BUILDS ?= 10000
.PHONY: signals
signals: ## Hold the signals against ten thousand healthy builds and as many sick ones, in two minutes
	MILEPOST_SIGNALS_BUILDS=$(SIGNALS_BUILDS) $(CARGO) test $(LOCKED) -p milepost-domain --test signals generated

# What `make test` has one round of, for longer and with the binary that is shipped. FAULTS_SEED=N makes a run again.
FAULTS_SECONDS ?= 300
FAULTS_SEED ?= time
.PHONY: faults
faults: build deps-test ## Kill, freeze and starve two services and their database for five minutes; nothing may be lost
	MILEPOST_FAULTS_SECONDS=$(FAULTS_SECONDS) MILEPOST_FAULTS_SEED=$(FAULTS_SEED) MILEPOST_BIN=$(TARGET_DIR)/release/milepost \
		$(CARGO) test $(LOCKED) -p milepost-tests --test faults -- --nocapture

# Machines that really boot, emulated without hardware virtualisation; as root. docs/e2e.md says what is seen.
E2E = MILEPOST_BIN=$(TARGET_DIR)/release/milepost tests/e2e
.PHONY: e2e-debian
e2e-debian: build deps-e2e ## Have Debian's own installer report from a machine that boots it; three minutes
	$(E2E)/debian.sh

.PHONY: e2e-pxe
e2e-pxe: build deps-e2e ## Have a machine report that boots over the network, from iPXE on; four minutes
	$(E2E)/pxe.sh

.PHONY: e2e-firstboot
e2e-firstboot: build deps-e2e ## Have a new system report its first boot, and boot it again; four minutes
	$(E2E)/firstboot.sh

# Of each kind of input `make test` sends a thousand. FUZZ_INPUTS=N sends as many.
FUZZ_INPUTS ?= 10000
.PHONY: fuzz
fuzz: deps-test ## Send a service whatever anybody may send, for two minutes: no panic, no 5xx
	MILEPOST_FUZZ_INPUTS=$(FUZZ_INPUTS) $(CARGO) test $(LOCKED) -p milepost-tests --test fuzz -- --nocapture
	PROPTEST_CASES=5000 $(CARGO) test $(LOCKED) -p milepost-api -p milepost-domain --lib

.PHONY: deps
deps: ## Install what building and running need, where it is missing
	@scripts/deps.sh run

.PHONY: deps-test
deps-test: ## Install what the tests need, where it is missing
	@scripts/deps.sh test

.PHONY: deps-bench
deps-bench: ## Install what measuring needs, where it is missing
	@scripts/deps.sh bench

.PHONY: deps-e2e
deps-e2e: ## Install what machines that really boot need, where it is missing
	@scripts/deps.sh e2e

.PHONY: fmt
fmt: ## Format the Rust code
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## Run clippy over everything; a warning is an error
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

.PHONY: packaging
packaging: ## Check the shell scripts, the container files and the licences of the dependencies
	tests/packaging/check.sh

.PHONY: openapi
openapi: ## Write openapi/milepost.json anew from the code
	$(CARGO) run $(LOCKED) --quiet -p milepost-api --example openapi > openapi/milepost.json.tmp || { rm -f openapi/milepost.json.tmp; exit 1; }
	test -s openapi/milepost.json.tmp || { rm -f openapi/milepost.json.tmp; exit 1; }
	mv openapi/milepost.json.tmp openapi/milepost.json

.PHONY: clean
clean: ## Remove everything that was built
	$(CARGO) clean
