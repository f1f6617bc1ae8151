# `make help` lists what there is. On a fresh machine each target first makes what it needs.

PYTHON ?= python3
VENV ?= .venv
TENSORFLOW ?= tensorflow-cpu==2.21.*
TFRNN_CMAKE_ARGS ?=
# Few: each holds a TensorFlow, and some tests use all cores themselves.
TEST_PROCESSES ?= 2
# What `make wheel` compiles CUDA kernels for.
WHEEL_CUDA_ARCHS ?= 75-real 80-real 86-real 89-real 90a-real 100-real 120

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
BUILD := build/make
# One file for every finished stage. Another TENSORFLOW is another environment, and the tree holds
# the libraries for one environment at a time.
TF_NAME := $(shell printf '%s' '$(TENSORFLOW)' | tr -c '0-9a-z.-' '_')
ENVIRONMENT := $(VENV)/.with-$(TF_NAME)
BUILT := $(BUILD)/.built-$(subst /,_,$(VENV))-$(TF_NAME)
DEV := $(VENV)/.dev
SOURCES := CMakeLists.txt pyproject.toml setup.py tools/build_backend.py \
           $(shell find cmake csrc cuda tests/cpp tests/emulator tests/gpu -type f)
CPP_SOURCES := $(shell find csrc cuda tests/cpp tests/emulator tests/gpu -name '*.h' -o -name '*.cc' -o -name '*.cu*')

export TFRNN_CMAKE_ARGS

.PHONY: help environment build demo test cpp-test test-slow check-symbols check-compilers lint format sanitize sanitize-threads check-kernels sdist wheel clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

environment: $(ENVIRONMENT) ## the Python environment, without tfrnn_ops
$(ENVIRONMENT): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); expected Python 3.10 or newer"; exit 1; }
	@command -v $${CXX:-c++} >/dev/null || \
	  { echo "no C++ compiler; on Debian and Ubuntu: apt-get install g++"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install '$(TENSORFLOW)' $(shell sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ')
	@rm -f $(VENV)/.with-*
	@touch $@

build: $(BUILT) ## tfrnn_ops, editable, in the environment
$(BUILT): $(ENVIRONMENT) $(SOURCES)
	TFRNN_BUILD_DIR=$(BUILD) TFRNN_CMAKE_ARGS="-DTFRNN_TESTS=AUTO $$TFRNN_CMAKE_ARGS" \
	  $(PIP) install --verbose --no-build-isolation --editable '.[examples,test]'
	@rm -f $(BUILD)/.built-*
	@touch $@

demo: export TF_CPP_MIN_LOG_LEVEL := 2
demo: build ## train a character model for two minutes, show its text
	$(BIN)/python -m tfrnn_ops.examples.char_rnn train --minutes 2 --out runs/demo --overwrite
	$(BIN)/python -m tfrnn_ops.examples.char_rnn generate --checkpoint runs/demo --length 600
	@echo "The loss curves: runs/demo/loss.png"

test: cpp-test ## every test
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

cpp-test: build ## the C++ tests
	@if ls $(BUILD)/tests/cpp/*_test >/dev/null 2>&1; then \
	  $(BIN)/ctest --test-dir $(BUILD) --output-on-failure --no-tests=error --parallel 2; \
	else \
	  echo "NOT RUN: the C++ tests; GoogleTest was not found when $(BUILD) was configured."; \
	  echo "On Debian and Ubuntu: apt-get install libgtest-dev, then make clean."; \
	fi

# The C++ tests that gtest knows as disabled, in every instruction set.
test-slow: build ## the tests that take minutes, too long for `make test`
	@tests=$$(find $(BUILD)/tests/cpp -maxdepth 1 -name 'simd_test_*' -type f -executable); \
	if [ -z "$$tests" ]; then echo "NOT RUN: the C++ tests were not built."; exit 1; fi; \
	for test in $$tests; do \
	  echo "$$test"; \
	  $$test --gtest_also_run_disabled_tests --gtest_filter='*.DISABLED_*' || exit 1; \
	done

check-symbols: build ## what the built libraries export and refer to
	$(BIN)/python tools/check_symbols.py --build $(BUILD)

check-compilers: build ## whether Clang, and GCC for ARM, accept the CPU engine
	$(BIN)/python tools/check_compilers.py --build $(BUILD)

$(DEV): pyproject.toml | $(BUILT)
	TFRNN_BUILD_DIR=$(BUILD) TFRNN_CMAKE_ARGS="-DTFRNN_TESTS=AUTO $$TFRNN_CMAKE_ARGS" \
	  $(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@

lint: $(DEV) ## formatting, style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(CPP_SOURCES)

format: $(DEV) ## rewrite the sources as the formatters want them
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CPP_SOURCES)

sanitize: $(ENVIRONMENT) ## the C++ tests under AddressSanitizer and UBSan
	$(BIN)/cmake -G Ninja -S . -B build/sanitize -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_BUILD_TYPE=Debug -DTFRNN_PACKAGE=OFF -DTFRNN_TESTS=ON \
	  -DTFRNN_SANITIZE=address,undefined
	$(BIN)/cmake --build build/sanitize --parallel
	$(BIN)/ctest --test-dir build/sanitize --output-on-failure --no-tests=error --parallel 2

sanitize-threads: $(ENVIRONMENT) ## the CUDA kernels' emulator tests under ThreadSanitizer
	$(BIN)/cmake -G Ninja -S . -B build/sanitize-threads \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DCMAKE_BUILD_TYPE=Debug -DTFRNN_PACKAGE=OFF \
	  -DTFRNN_TESTS=ON -DTFRNN_SANITIZE=thread
	$(BIN)/cmake --build build/sanitize-threads --parallel \
	  --target prim_test exchange_test subset_test
	$(BIN)/ctest --test-dir build/sanitize-threads --output-on-failure --no-tests=error --parallel 2 \
	  -R '^emulator\.(Subset/PersistentTest\.Lstm|MatrixTest|CopyTest|ClusterTest|WarpTest|TaggedTest|GridTest|Policies/ExchangeTest)'

check-kernels: build ## registers and spills of the CUDA kernels; planted bugs their tests must find
	$(BIN)/python tools/check_resources.py --build $(BUILD)
	@if ls $(BUILD)/tests/emulator/*_test >/dev/null 2>&1; then \
	  $(BIN)/python tools/check_mutations.py; \
	else \
	  echo "NOT RUN: planted bugs; GoogleTest was not found when $(BUILD) was configured."; \
	fi

sdist: $(DEV) ## the source distribution, in dist/
	$(BIN)/python -m build --sdist --no-isolation

wheel: $(ENVIRONMENT) ## a wheel for the environment's TensorFlow, in dist/
	TFRNN_BUILD_DIR=build/wheel TFRNN_CUDA_ARCHS="$${TFRNN_CUDA_ARCHS:-$(WHEEL_CUDA_ARCHS)}" \
	  $(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .
	@! find dist -name '*.whl' -size +40M | grep . || { echo "expected wheels of at most 40 MB"; exit 1; }

clean: ## remove what was built; the environment stays
	rm -rf build dist *.egg-info tfrnn_ops/*.so tfrnn_ops/_build_info.py
