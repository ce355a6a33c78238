# Everything that people and CI do here. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVERS := .servers/.installed
ENVIRONMENTS := .environments/.installed
HELM := .helm/.installed
IMAGE ?= migration-runner
BUILD ?= $(shell git describe --tags --always --dirty 2>/dev/null)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
LOCAL := $(BIN)/python -m scripts.local_postgres
MIGRATE := $(LOCAL) $(BIN)/python entrypoint.py
# make exits with 2 whenever a recipe fails, whatever the exit code was.
SAY_CODE = { code=$$?; echo "migrate (here: make run) ended with exit code $$code." >&2; exit $$code; }
LOCK := $(BIN)/uv pip compile --no-config --quiet --universal --generate-hashes --no-header --python-version 3.11
# Tests wait for servers more than they compute.
WORKERS ?= 3
PARALLEL := --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder
TESTS := $(wildcard tests/unit tests/integration tests/template tests/faults)
# Kinds that need an engine, other environments, other people's projects, or time.
OTHER_TESTS := tests/container tests/environments tests/corpus tests/faults tests/helm

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The ledger records the branch that is checked out as the build.
run revision: export MIGRATE_BUILD ?= $(or $(shell git branch --show-current 2>/dev/null),$(BUILD))
run: export NEXT_STEPS := make run A=status, make revision m="..."

.PHONY: run
run: $(STAMP) ## Migrate the database in DATABASE_URL, or an embedded one; A="status" runs another command
	@$(MIGRATE) $(A) || $(SAY_CODE)

.PHONY: revision
revision: $(STAMP) ## Write a revision from the models, and try it: make revision m="Gift cards"
	@test -n "$$m" || { echo 'What does it do? make revision m="Gift cards"' >&2; exit 64; }
	@$(BIN)/python entrypoint.py revision --autogenerate -m "$$m" || $(SAY_CODE)

.PHONY: verify
verify: $(STAMP) ## Check the history and the models before they ship; A="--all" checks all revisions
	@$(BIN)/python entrypoint.py verify $(A) || $(SAY_CODE)

.PHONY: psql
psql: $(STAMP) ## Open psql on the same database; A="-l" passes options
	@$(LOCAL) $(BIN)/python -m scripts.psql $(A)

.PHONY: reset
reset: $(STAMP) ## Remove the embedded database; the next run makes a new one
	@$(LOCAL) --reset

.PHONY: test
test: $(STAMP) $(SERVERS) $(if $(findstring environments,$(T)),$(ENVIRONMENTS)) $(if $(findstring helm,$(T)),$(HELM)) ## Run the tests; T="tests/unit -k lock" runs some
	@$(BIN)/pytest $(or $(T),$(PARALLEL) $(TESTS))
	@$(if $(T),,echo '"make test-all" also tests containers, other releases, other projects, and more faults.')

.PHONY: test-all
test-all: test $(ENVIRONMENTS) $(if $(wildcard deploy/helm),$(HELM)) ## Run these and the slow ones: containers, helm, other releases, other projects, more faults
	@CORPUS="$${CORPUS:-optuna,dstack}" FAULTS="$${FAULTS:-12}" $(BIN)/pytest $(PARALLEL) $(OTHER_TESTS)

.PHONY: faults
faults: $(STAMP) ## Break runs in every way, 200 times each; FAULTS=n and FAULT_SEED=n as you like
	@FAULTS="$${FAULTS:-200}" $(BIN)/pytest -s tests/faults

.PHONY: corpus
corpus: $(STAMP) ## Run four open source projects with plain Alembic and with the runner; CORPUS=optuna runs one
	@CORPUS="$${CORPUS:-1}" $(BIN)/pytest --durations=0 tests/corpus

.PHONY: bench
bench: $(STAMP) ## Measure ours, plain Alembic, psql and other tools; BENCH="noop apply" ROUNDS=3 BENCH_OPTIONS=--help
	@benchmarks/install-peers
	@$(BIN)/python -m benchmarks $(BENCH) $(if $(ROUNDS),--rounds $(ROUNDS)) --image "$(IMAGE)" $(BENCH_OPTIONS)

.PHONY: lint
lint: $(STAMP) ## Check style, and which room imports which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --no-logo

.PHONY: type
type: $(STAMP) ## Check types
	@$(BIN)/mypy

.PHONY: picture
picture: $(STAMP) ## Draw the picture in the README from a real run
	@$(BIN)/python -m scripts.picture docs/run.svg "make run" "make run"

.PHONY: image
image: ## Build the image: IMAGE names it, BUILD is what its runs report
	@docker build --build-arg BUILD="$(BUILD)" --build-arg REVISION="$(REVISION)" -t $(IMAGE) .

.PHONY: base-image
base-image: ## Build migration-runner:base and :build, which other images start from
	@docker build --target build -t migration-runner:build .
	@docker build --target base -t migration-runner:base .

.PHONY: up
up: ## Start database, runner and application with docker-compose
	@BUILD="$(BUILD)" $(COMPOSE) up --build

.PHONY: down
down: ## Stop them, and remove their data
	@$(COMPOSE) down --volumes

.PHONY: lock
lock: $(STAMP) ## Lock the requirements anew, with hashes
	@$(LOCK) --upgrade requirements.in -o requirements.txt
	@$(LOCK) --upgrade requirements-dev.in -o requirements-dev.txt
	@for each in $(basename $(wildcard tests/environments/*.in)); do \
		$(LOCK) --upgrade $$each.in -o $$each.txt; done

.PHONY: clean
clean: ## Remove the virtual environment, the embedded database, the servers and all caches
	@rm -rf $(VENV) .postgres .servers* .helm* .environments .corpus .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) \
		|| { echo "No venv: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Tests whose server is missing are skipped; only CI requires every server.
$(SERVERS): scripts/install-postgres scripts/postgres.sha512
	@scripts/install-postgres || test -z "$(REQUIRE_SERVERS)"

# The same: only CI requires it.
$(HELM): scripts/install-helm scripts/helm.sha512
	@scripts/install-helm || test -z "$(REQUIRE_HELM)"

$(ENVIRONMENTS): $(STAMP) scripts/install-environments pyproject.toml $(wildcard tests/environments/*.txt)
	@scripts/install-environments
