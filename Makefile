# Everything runs in .venv, which is made on first use from the pinned requirements.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := musiclm tests benchmarks

.PHONY: demo test check clean

demo: .venv/installed
	$(BIN)/musiclm generate "an upbeat funk groove with drums, slap bass and electric piano" -o demo.wav --duration 10 --seed 1
	@echo "Listen to demo.wav"

# A file's tests stay on one of two workers, so that what a file prepares is prepared once.
test: .venv/tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: .venv/installed
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build dist *.egg-info demo.wav .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# torch goes first, so that nothing can pull in a build of it for an accelerator. The list is whole,
# so --no-deps loses nothing but what is never imported (pyaudio, sentence-transformers).
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Large, and needed by few: Ray and Arrow, transformers, a browser's driver.
.venv/tests: .venv/installed requirements-test.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-test.txt
	touch $@
