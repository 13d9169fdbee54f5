# make setup      .venv with everything, from the lock file (CPU TensorFlow)
# make demo       prepare, train, translate and report on the built-in corpus
# make test       fast tests;  make test-system: real Ray, S3, browser;  make test-all: both and
#                 the slow ones on the real corpora;  make test-avx2: numbers on older processors
# make bench      speed of training and decoding on the built-in corpus
# make lint       ruff and mypy
# make lock       resolve the lock files anew from pyproject.toml

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DEMO ?= demo

.PHONY: setup setup-gpu demo bench test test-avx2 test-system test-all lint lock clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup-gpu:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-gpu.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/ready

demo: setup
	@$(BIN)/python jobs/prepare.py --demo 60000 --vocab-size 3000 --output $(DEMO)/dataset
	@$(BIN)/python jobs/train.py --data $(DEMO)/dataset --output $(DEMO)/run --config docs/demo.yaml
	@$(BIN)/python jobs/translate.py --model $(DEMO)/run/model --input $(DEMO)/dataset/test \
		--output $(DEMO)/translations --reference-column target --alignment-column alignment

# With the demo's model and the settings of its training; makes them first where they are not there.
bench: setup
	@test -f $(DEMO)/run/model/model.json || $(MAKE) demo
	@$(BIN)/python jobs/benchmark.py --model $(DEMO)/run/model --data $(DEMO)/dataset \
		--output $(DEMO)/benchmark.json

# When a process of the tests crashes, the run ends: xdist would start another and then hang.
test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --max-worker-restart 0

# The tests of numbers as on a processor with AVX2 alone, whose sums have another order.
test-avx2: setup
	ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
		tests/model tests/search tests/training/test_step.py tests/training/test_staged.py

test-system: setup
	$(BIN)/python -m pytest -m "system and not slow" --numprocesses 2 --dist loadfile \
		--max-worker-restart 0

test-all: setup
	$(BIN)/python -m pytest -m "slow or system or not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock:
	$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet uv
	for extra in "" "gpu"; do \
		build/lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
			--generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev \
			$${extra:+--extra $$extra} --output-file requirements$${extra:+-$$extra}.lock || exit 1; \
	done

clean:
	rm -rf $(DEMO) build .pytest_cache .mypy_cache .ruff_cache
