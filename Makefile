# Every target sets up .venv by itself; python3 >= 3.11 and make are all it takes.
# .venv is made once, and again when pyproject.toml changes, when the tree was
# copied elsewhere, or when its Python went away. Nothing but the package index
# is reached. ARGS= is passed on: make test ARGS="-k lease". VENV= names another
# folder, OLDEST=1 fills it with the oldest of every range in pyproject.toml.

VENV := .venv
OLDEST :=
PY := $(VENV)/bin/python
STAMP := $(VENV)/.made-for
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-views demo-machines demo-agents test test-oldest test-machines soak check run \
  bench soak-load share pictures dist zipapp clean

help: ## list the targets
	@echo 'make TARGET [ARGS="..."]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## two workers drain a release graph while the daemon is killed
	@$(PY) -m examples.demo $(ARGS)

demo-views: $(STAMP) ## three workers, a failure, two gates, a full limit: to look at until Ctrl-C
	@$(PY) -m examples.demo_views

demo-machines: $(STAMP) ## three daemons on one PostgreSQL: one is killed, the server is, nothing is lost
	@$(PY) -m examples.demo_machines

demo-agents: $(STAMP) ## four agents work on one goal, offline: no key is needed
	@$(PY) -m examples.demo_agents $(ARGS)

# A file's tests share its daemon, so files run side by side, not tests: the laboratory's, which are
# few and long, first. ARGS="-n 0" for one after the other. It starts some thousand processes: each
# would compile agentd anew where nobody may keep what it compiled. A worker that ends with its test
# is not replaced: the file's tests would be given to the next one, and none left ends the run.
test: $(STAMP) ## the whole test suite, property tests included
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest $(SIDE_BY_SIDE) loadfile --no-loadscope-reorder $(ARGS)

test-oldest: ## the same with the oldest version of everything that pyproject.toml allows
	@$(MAKE) --no-print-directory VENV=.venv-oldest OLDEST=1 test

# They are few and long, and most of what they do is to wait for a server that is away. What stands
# above the store is tried there as well.
test-machines: $(STAMP) ## the laboratory of daemons that share one real server: at most 20 minutes
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest tests/machines $(SIDE_BY_SIDE) worksteal $(ARGS)
	@AGENTD_TEST_SERVER=1 $(PY) -m pytest $$(grep -l params=.*STORES tests/*.py tests/property/*.py) -k postgres \
	  $(SIDE_BY_SIDE) loadfile $(ARGS)

# Some of its tests take longer than a test may that hangs: pyproject.toml says 15 minutes.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --max-worker-restart 0 --dist
soak: $(VENV)/.has-soak ## the fault laboratory with its full numbers: some two hours
	@$(PY) -m pytest tests/faults tests/machines --soak -v -o faulthandler_timeout=7200 $(SIDE_BY_SIDE) worksteal $(ARGS)

check: $(STAMP) ## ruff (lint, format) and mypy strict
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(ARGS)

run: $(STAMP) ## the daemon in the foreground
	@$(VENV)/bin/agentd serve $(ARGS)

bench: $(VENV)/.has-bench ## measure against the floor, its peers, or an earlier commit (ARGS=against=COMMIT)
	@$(PY) -m benchmarks $(ARGS)

soak-load: $(VENV)/.has-bench ## an hour of load with deaths: does anything grow but the journal?
	@$(PY) -m benchmarks.soak $(ARGS)

share: $(STAMP) ## write man pages and completions anew, after a change of the command line
	@$(PY) -m release.share

pictures: $(VENV)/.has-browser ## make the pictures in docs/pictures anew (ARGS=graph.svg: one of them)
	@$(PY) -m tests.pictures $(ARGS)

dist: $(VENV)/.has-dist ## the wheel, the sdist, and what an installation consists of, in dist/
	@rm -f dist/agentd-*.whl dist/agentd-*.tar.gz dist/agentd-*.cdx.json
	@$(PY) -m build --outdir dist . >/dev/null
	@$(PY) -m release.components dist/agentd-*.whl dist

zipapp: dist ## one file for machines without pip, for the Python and the machine that make it
	@rm -f dist/agentd-*.pyz
	@$(PY) -m release.one_file dist/agentd-*.whl dist

clean: ## remove .venv and what the tools left behind
	rm -rf .venv .venv-* build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp names the directory that .venv was made for: its scripts hold
# absolute paths, so in a copied tree they would run the code of the old one.
ifneq ($(shell test -x $(PY) && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

# A shim for a version that is not installed exists and fails, so candidates are
# asked for their version, not looked up. Debian's python3 may lack ensurepip:
# then .venv is made without pip and the pip outside installs into it.
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11
ASK := import sys; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 11))
PIP := --disable-pip-version-check install --editable
# What builds the package is held to the constraints too; pip has two names for that.
CONSTRAINTS := $(if $(OLDEST),PIP_CONSTRAINT=$(VENV)/oldest.txt PIP_BUILD_CONSTRAINT=$(VENV)/oldest.txt)
# Of all that pip says: how much there is to install. A failure's words are on standard error.
TELL := awk '/^Installing collected packages:/ {printf "  installing %d packages ...\n", NF - 3; fflush()} \
  /^failed$$/ {exit 1}'

$(STAMP): pyproject.toml
	@for python in $(PYTHONS); do \
	  version=$$($$python -c '$(ASK)' 2>/dev/null) && break; version=; \
	done; \
	if [ -z "$$version" ]; then \
	  echo "agentd needs Python 3.11 or newer, found none of: $(strip $(PYTHONS)); say make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) (Python $$version), once; later runs start at once:"; \
	echo "  making $(VENV) ..."; \
	if $$python -m venv --clear $(VENV) >/dev/null 2>&1; then \
	  pip="$(PY) -m pip"; \
	elif $$python -m pip --version >/dev/null 2>&1; then \
	  $$python -m venv --clear --without-pip $(VENV) || exit 1; \
	  pip="$$python -m pip --python $(PY)"; \
	else \
	  echo "$$python has neither ensurepip nor pip; on Debian: apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	$(if $(OLDEST),$(PY) .ci/oldest.py >$(VENV)/oldest.txt || exit 1;) \
	echo "  fetching agentd's packages ..."; \
	{ $(CONSTRAINTS) PYTHONUNBUFFERED=1 $$pip $(PIP) '.[dev]' || echo failed; } | $(TELL)
	@echo "$(CURDIR)" > $@

# What only the benchmarks' peers and plots, the fuzzers, or the tests in a browser need.
# Without it they are skipped by name, so a failure here stops nobody.
$(VENV)/.has-%: $(STAMP)
	@echo "Adding the extra '$*' to $(VENV), once ..."
	@pip="$(PY) -m pip"; $$pip --version >/dev/null 2>&1 || pip="python3 -m pip --python $(PY)"; \
	if $$pip --quiet $(PIP) '.[$*]'; then touch $@; \
	else echo "The extra '$*' could not be installed: what needs it is skipped." >&2; fi
