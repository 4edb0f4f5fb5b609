# The commands of this project. `make` alone lists them.
# Needs only Python >= 3.11: tools/setup makes .venv from the locked requirements.

UV := uv==0.13.9
PYTHON_DIRS := $(wildcard api bench clients cost_analytics devkit examples ledger messaging schemas streams tests)
BIN := .venv/bin

# Settings of `make run` and `make kafka`, given as `make run PORT=9000` or in the environment.
export PORT SIMULATE BROKER_MEMORY_MB

.DEFAULT_GOAL := help
.PHONY: help run demo test faults security simulator check contracts bench bench-growth bench-peers forecast screenshots pages kafka lock release clean setup-run setup-all setup-forecast setup-integrations setup-peers setup-chart setup-focus setup-docs docs web

help: ## list the targets
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec`, so that Ctrl-C and signals reach the program itself.
run: setup-run ## start the whole product on this machine (PORT=8080, SIMULATE=0 for no simulated calls)
	@tools/web try
	@exec $(BIN)/cost-analytics dev

demo: setup-run ## the product and one example that reports a call (WAY=python; without WAY: a list; DEMO_EXIT=1 to stop after it)
	@$(if $(WAY),tools/web try)
	@exec $(BIN)/cost-analytics demo $(WAY) $(if $(DEMO_EXIT),--exit)

test: setup-all setup-integrations setup-chart setup-focus setup-docs ## run every test that this machine can run (ARGS="-k name" for some)
	@tools/web try
	@exec $(BIN)/python -m pytest --numprocesses=3 --dist=worksteal $(ARGS)

faults: setup-all ## inject every fault, and print the differences as one table (ARGS="-k name" for some)
	@exec $(BIN)/python -m pytest --quiet --numprocesses=2 --dist=worksteal -m fault $(ARGS)

security: setup-all ## run every attack, and print the breaches as one table (ARGS="-k name" for some)
	@exec $(BIN)/python -m pytest --quiet --numprocesses=2 --dist=worksteal -m attack $(ARGS)

simulator: setup-all ## seeded runs of the whole write path under faults (SEEDS=10000; ARGS="--seed N" repeats one)
	@exec $(BIN)/python -m tests.simulator --seeds $(or $(SEEDS),10000) $(ARGS)

check: setup-all ## formatter, linter, strict types, import contracts, house rules
	$(BIN)/ruff format --check $(PYTHON_DIRS)
	$(BIN)/ruff check $(PYTHON_DIRS)
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 clients/python/cost_analytics_emitter
	$(BIN)/lint-imports
	tools/web types --check
	tools/web run check
	tools/web client check
	$(BIN)/python -m pytest --quiet tests/unit/house/test_house.py tests/unit/house/test_tests.py

contracts: setup-all ## compare the API, topics and event schemas with the last release
	@exec tools/contracts check

bench: setup-all ## the benchmark: rates, ratios and latencies as a table
	@exec $(BIN)/python -m bench $(ARGS)

bench-growth: setup-all ## the same work with 10^5, 10^6 and 10^7 stored events (ARGS="--stored 1000000" for one number)
	@exec $(BIN)/python -m bench.growth $(ARGS)

bench-peers: setup-all setup-peers ## the worker beside Faust, Quix Streams, Bytewax, Pathway and a script, as a table (needs Python 3.11 or 3.12)
	@exec $(BIN)/python -m bench.peers $(ARGS)

# CI=true: a missing part fails the tests instead of skipping them.
screenshots: setup-all web ## pictures of every page of the dashboard, in docs/screenshots (needs Chromium)
	@exec env CI=true SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest --quiet tests/browser/test_pages.py

pages: setup-all web ## figures of each page: layout shift, requests, KB, time to interactive; CPU and heap of Live (MINUTES=10; needs Chromium)
	@exec env CI=true LIVE_SECONDS=$$((60 * $(or $(MINUTES),10))) $(BIN)/python -m pytest --quiet \
		tests/browser/test_page_figures.py tests/browser/test_live_load.py -k "page_figures or memory"

forecast: setup-all setup-forecast ## the forecast against simpler ones and a library, on simulated users
	@exec $(BIN)/python -m bench.forecast $(ARGS)

docs: setup-run setup-docs ## build the documentation site into .local/site; a broken link fails
	@exec $(BIN)/python -m devkit.site .local/site

kafka: setup-run ## a real Apache Kafka in the foreground (PORT=9092; needs a JDK >= 17 and Maven)
	@exec $(BIN)/python -m devkit.embedded.apache_kafka

# In a temporary environment, so that the locking tool is not a dependency.
lock: ## pin all requirements again, with hashes
	@rm -rf .local/lock && python3 -m venv .local/lock
	@.local/lock/bin/pip install --quiet --disable-pip-version-check '$(UV)'
	@tools/lock .local/lock/bin/uv
	@rm -rf .local/lock

release: setup-all ## build all files of a release into dist/, and test the wheel in an empty environment
	@rm -rf dist
	@exec $(BIN)/python -m devkit.release dist

clean: ## remove everything that `make` made, the data of `make run` too
	rm -rf .venv .local api/static web/node_modules clients/typescript/dist clients/typescript/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

setup-run setup-all setup-forecast setup-integrations setup-peers setup-docs:
	@tools/setup $(@:setup-%=%)

# Without Python 3.12 the tests of the FOCUS export that need its validator are skipped.
setup-focus:
	@tools/setup focus || true

# Without Go the chart's tests are skipped.
setup-chart:
	@tools/setup chart
	@tools/chart try

web: setup-all
	@tools/web build
