# make setup      .venv with everything for work on the project, from the lock file (CPU TensorFlow);
#                 make setup-gpu: the same with CUDA
# make install    .venv with what the jobs need, and no tools;  make install-gpu: the same with CUDA
# make demo       prepare, train, translate and report on the built-in corpus
# make test       fast tests;  make test-system: real Ray, S3, browser;  make test-all: both and
#                 the slow ones on the real corpora;  make test-avx2: numbers on older processors
# make bench      speed of training and decoding on the built-in corpus
# make lint       ruff, mypy, and that no room imports from one above it
# make docs       the documentation, below build/docs/html; a warning is an error
# make reference  write the parts of docs/reference/ that are made from the code
# make lock       resolve the lock files anew from pyproject.toml
# make audit      look the versions of the lock files up in the database of known vulnerabilities

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DEMO ?= demo

PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: setup setup-gpu install install-gpu demo bench test test-avx2 test-system test-all lint
.PHONY: docs reference lock audit clean

setup: .venv/ready

.venv/ready: requirements-dev.lock pyproject.toml
	$(call make_venv,requirements-dev.lock)

setup-gpu:
	$(call make_venv,requirements-gpu.lock requirements-dev.lock)

install:
	$(call make_venv,requirements.lock)

install-gpu:
	$(call make_venv,requirements-gpu.lock)

define make_venv
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP_INSTALL) --require-hashes $(addprefix -r ,$(1))
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch .venv/ready
endef

demo: setup
	@$(BIN)/nmt demo --output $(DEMO)

# With the demo's model and the settings of its training; makes them first where they are not there.
bench: setup
	@test -f $(DEMO)/run/model/model.json || $(MAKE) demo
	@$(BIN)/nmt benchmark --model $(DEMO)/run/model --data $(DEMO)/dataset \
		--output $(DEMO)/benchmark.json

# When a process of the tests crashes, the run ends: xdist would start another and then hang.
test: setup
	@mkdir -p build
	$(BIN)/python -m slipcover --source nmt --json --out build/coverage.json \
		-m pytest --numprocesses 2 --dist loadfile --max-worker-restart 0
	$(BIN)/python -m slipcover --merge build/coverage.json --out build/coverage.json \
		--missing-width 40 --fail-under 90

# The tests of numbers as on a processor with AVX2 alone, whose sums have another order.
test-avx2: setup
	ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
		tests/model tests/search tests/training/test_step.py tests/training/test_accumulation.py

test-system: setup
	$(BIN)/python -m pytest -m "system and not slow" --numprocesses 2 --dist loadfile \
		--max-worker-restart 0

test-all: setup
	$(BIN)/python -m pytest -m "slow or system or not slow" --hypothesis-profile random

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

docs: setup
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d build/docs/doctrees \
		docs build/docs/html
	@echo build/docs/html/index.html

reference: setup
	$(BIN)/python docs/generated.py

# What is locked already stays as it is where pyproject.toml allows it. The jobs run with the versions
# that were tested.
COMPILE = build/tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: build/tools/ready
	$(COMPILE) pyproject.toml --extra dev --extra docs --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml -c requirements-dev.lock --output-file requirements.lock
	$(COMPILE) pyproject.toml -c requirements-dev.lock --extra gpu --output-file requirements-gpu.lock
	$(COMPILE) --group tools --output-file requirements-tools.lock

# First whether the database answers with what is known of an old version. One that it does not know
# is an error, too: it was not checked.
KNOWN := https://pypi.org/pypi/jinja2/2.4.1/json

audit: build/tools/ready
	@build/tools/bin/python -c \
		"import requests; requests.get('$(KNOWN)', timeout=30).json()['vulnerabilities'][0]" 2>/dev/null \
		|| { echo "make audit: nothing was checked, for the database of known vulnerabilities" \
		"does not answer ($(KNOWN)); run it where it does" >&2; exit 1; }
	@status=0; for lock in requirements*.lock; do \
		echo "$$lock"; build/tools/bin/pip-audit --strict --disable-pip --require-hashes \
			--progress-spinner off --requirement "$$lock" || status=1; \
	done; exit $$status

build/tools/ready: requirements-tools.lock
	$(PYTHON) -m venv build/tools
	build/tools/bin/python $(PIP_INSTALL) --require-hashes -r requirements-tools.lock
	touch $@

clean:
	rm -rf $(DEMO) build .hypothesis .pytest_cache .mypy_cache .ruff_cache
