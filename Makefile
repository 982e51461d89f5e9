# The same verbs serve people and CI. PYTHON may name any Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install run test slow soak lint format lock clean

install: .venv/installed

.venv/installed: requirements.txt requirements.lock pyproject.toml $(wildcard plugins/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bench needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

run: install
	$(BIN)/bench run suites/ssm.yaml

test: install
	$(BIN)/python -m pytest

# What `make test` leaves out: tests that kill sessions over and over, install commits, or train through everything.
slow: install
	$(BIN)/python -m pytest -m slow

# 2,000 runs while a killer ends random processes; several minutes.
soak: install
	$(BIN)/python tests/soak.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Take the installed versions as the new lock; build tags such as +cpu differ between machines and are left out.
lock:
	$(BIN)/python -m pip freeze --exclude-editable | grep -v '^bench-' \
	  | sed 's/+[a-z0-9.]*$$//' > requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache
