# One command each for people who want to see the bridge, and for people who change it. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
WHEEL_ENV := build/wheel/venv
ENGINE := media/engine
PROVIDER := tests/auth/provider
AXE := tests/pages/axe
CARGO := cargo
ROBOTS ?= 0
SECONDS ?= 60
ONLY ?=
WITHOUT ?=
PYTEST_ARGS ?=
# For what needs no machine of its own. Lines with a + share these jobs with cargo, so that two builds at once do not get in
# each other's way.
JOBS := $(shell expr $$(nproc) + 1)

# Where it is set, each process compiles all that it imports: three seconds for each bridge and worker that a test starts,
# and twenty for the tests themselves.
unexport PYTHONDONTWRITEBYTECODE

# As deploy/Containerfile has it.
MEMORY := GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1

# What the compiled module is made of: touched files rebuild it, nothing else does.
ENGINE_SOURCES := $(shell find $(ENGINE)/wire/src $(ENGINE)/srtp/src $(ENGINE)/core/src $(ENGINE)/io/src $(ENGINE)/robot/src $(ENGINE)/py/src -name '*.rs') \
	$(ENGINE)/Cargo.lock $(wildcard $(ENGINE)/*/Cargo.toml) pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo serve build check check-python check-engine format test test-engine guard test-python test-browsers \
	test-others test-beside test-wheel \
	browsers emulator coverage screenshots fuzz bench bench-transcode bench-calls bench-network bench-recovery bench-truth bench-peers \
	bench-admission prove figures lock clean

help: ## List the commands.
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: build ## Start a bridge on this machine and print three links; ROBOTS=3 adds synthetic people.
	@$(BIN)/brotjeneste demo --robots $(ROBOTS)

serve: build ## Run the bridge with its defaults, or with BROTJENESTE_CONFIG.
	@$(BIN)/brotjeneste serve

build: $(VENV)/built ## Make the environment and the engine.

$(VENV)/installed: requirements.lock .ci/installer.txt .ci/system-packages
	bash .ci/system-packages build
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/installer.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

$(VENV)/built: $(VENV)/installed $(ENGINE_SOURCES)
	+$(BIN)/maturin develop --release --quiet >/dev/null
	@touch $@

check: check-python check-engine ## Formatting, lint, types, import rules, clippy.

check-python: build
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest media._engine
	$(BIN)/lint-imports --no-logo

check-engine:
	cd $(ENGINE) && $(CARGO) fmt --all --check
	+cd $(ENGINE) && $(CARGO) clippy --quiet --workspace --all-targets --locked -- -D warnings

format: build ## Put every file into the one form that `make check` wants.
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .
	cd $(ENGINE) && $(CARGO) fmt --all

# The command line is tested as people get it, which is the wheel; there is nothing that the checkout would add. The engine's
# tests come before, not beside: a browser that gets no processor for seconds tells congestion control of a bad link, and
# its pictures are then late for good reason.
test: ## Everything that has to pass; installs what the tests need.
	@$(MAKE) --no-print-directory --jobs $(JOBS) --output-sync=target check-python guard
	@$(MAKE) --no-print-directory emulator
	@$(MAKE) --no-print-directory check-engine
	@$(MAKE) --no-print-directory test-engine
	@$(MAKE) --no-print-directory --jobs $(JOBS) --output-sync=target test-browsers test-beside

# Before the guard and after the environment: Debian's packages are installed by one at a time.
browsers: $(VENV)/installed
	bash .ci/system-packages test
	@$(MAKE) --no-print-directory $(PROVIDER)/node_modules/.package-lock.json $(AXE)/node_modules/.package-lock.json

# A certified OpenID provider, and a judge of pages, which there are for Node alone.
$(PROVIDER)/node_modules/.package-lock.json $(AXE)/node_modules/.package-lock.json: %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --silent --no-audit --no-fund
	@touch $@

# Built by `cargo test`, too.
emulator:
	+cd $(ENGINE) && $(CARGO) build --quiet --locked -p engine-netem --example emulate

# No examples, which clippy has looked at and which are long to link, and no code in documentation, of which there is none.
test-engine: ## The packet engine's tests.
	+cd $(ENGINE) && $(CARGO) test --quiet --workspace --locked --lib --bins --tests

guard: build browsers ## Whether the packet path has become a tenth dearer, by instructions.
	bash .ci/system-packages guard
	+cd $(ENGINE) && $(CARGO) run --quiet --release --locked -p engine-io --example guard

test-python: build browsers emulator ## Python's tests, real browsers included.
	$(BIN)/pytest --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

# Calls and pages wait for much of their time, two at once, calls first, which take longest: a third call at once would get no
# processor when it needs one. All the rest has what these leave, and takes nothing from them: two processes that yield so much
# weigh less than one that yields half as much.
WITH_BROWSERS := tests/e2e tests/pages tests/transcode/test_browser_media.py \
	tests/media/test_sdp_browsers.py tests/media/test_transport_dtls_browsers.py
BESIDE := nice -n 10

test-browsers: build browsers emulator
	$(BIN)/pytest $(WITH_BROWSERS) --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

test-others: build browsers emulator
	$(BESIDE) $(BIN)/pytest --ignore=tests/cli $(WITH_BROWSERS:%=--ignore=%) --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

test-beside: test-others
	@$(BESIDE) $(MAKE) --no-print-directory test-wheel

test-wheel: build ## The command line's tests, against the built wheel in an environment of its own.
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/maturin build --release --quiet --locked --out build/wheel
	$(UV) venv --quiet --python $(BIN)/python $(WHEEL_ENV)
	$(UV) pip install --quiet --python $(WHEEL_ENV)/bin/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(WHEEL_ENV)/bin/python --no-deps build/wheel/*.whl
	mkdir build/wheel/elsewhere && tar -c --exclude=__pycache__ tests pyproject.toml | tar -x -C build/wheel/elsewhere
	cd build/wheel/elsewhere && ../venv/bin/pytest tests/cli --numprocesses 2 -p no:cacheprovider $(PYTEST_ARGS)

coverage: build ## Python's tests with branch coverage.
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered $(PYTEST_ARGS)

screenshots: build browsers ## A picture of every page under build/screenshots/, in Norwegian and English; ONLY=waiting.
	$(BIN)/python -m tests.pages.screenshots $(ONLY)

fuzz: build ## Fuzz every parser of the engine, and H.323's by each property of its tests, SECONDS each.
	bash $(ENGINE)/fuzz/run.sh $(SECONDS)
	$(BIN)/python -m tests.gateways.h323.fuzz $(SECONDS)

bench: build ## Measure; results as JSON under build/bench/.
	mkdir -p build/bench
	cd $(ENGINE) && $(MEMORY) $(CARGO) run --quiet --release --locked -p engine-io --example bench_forward -- $(CURDIR)/build/bench/forward.json
	cd $(ENGINE) && $(MEMORY) $(CARGO) run --quiet --release --locked -p engine-io --example come_and_go -- $(CURDIR)/build/bench/turnover.json
	$(BIN)/python -m tests.e2e.bench_admission
	$(BIN)/python -m tests.e2e.bench_writing
	$(BIN)/python -m tests.turnover.bench_churn

bench-admission: build browsers ## How soon who is admitted sees and hears, and how soon nothing comes to who is removed.
	$(BIN)/python -m tests.e2e.bench_admission

prove: build ## Who comes in: every state of small rooms, then a million random steps over the real engine; 36 minutes of processor time; goes on where it was interrupted.
	$(BIN)/python -m tests.proof.prove

bench-transcode: build ## Delay and cost of converted pictures and sound, beside a bare FFmpeg and forwarding; four minutes.
	mkdir -p build/bench
	cd $(ENGINE) && $(MEMORY) $(CARGO) run --quiet --release --locked -p engine-io --example bench_forward -- \
		$(CURDIR)/build/bench/forward-four.json 3 2 four-party
	$(BIN)/python -m tests.transcode.bench_transcode

bench-calls: build browsers ## Twenty calls by SIP a second for a minute, and how soon a room system is in; four minutes.
	$(BIN)/python -m tests.e2e.bench_calls

bench-network: build browsers emulator ## Calls in Chromium over bad links, a minute and a half each; ONLY=loss-10, WITHOUT=nack, ROUNDS=3, DIRECT=1.
	$(BIN)/python -m tests.e2e.bench_network $(ONLY) $(if $(WITHOUT),--without $(WITHOUT)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(DIRECT),--direct)

bench-recovery: build browsers emulator ## How soon a call in Chromium is back after outages and with another address; ONLY=outage-5.
	$(BIN)/python -m tests.e2e.bench_recovery $(ONLY)

bench-truth: build browsers emulator ## What the bridge says of links beside what was done to them; ONLY=loss-10.
	$(BIN)/python -m tests.e2e.bench_truth $(ONLY)

bench-peers: build ## Our bridge and Janus side by side; takes about six minutes and installs Debian's janus.
	bash .ci/system-packages bench
	$(BIN)/python -m loadtest.peers

figures: build ## Put the figures of the last bench and bench-peers into the README.
	$(BIN)/python -m loadtest.figures

lock: build ## Choose new versions of Python's packages within pyproject.toml's bounds.
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --extra h323 --extra test --extra check pyproject.toml -o requirements.lock
	echo uv | $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate - -o .ci/installer.txt

clean: ## Remove everything that was built.
	rm -rf $(VENV) build $(PROVIDER)/node_modules $(AXE)/node_modules $(ENGINE)/target $(ENGINE)/fuzz/target media/*.so
