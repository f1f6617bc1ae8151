#!/usr/bin/env bash
# Everything that only a GPU can tell, in the order in which a failure explains the next:
#
#     tools/check_gpu.sh [STEP...]     all steps, or some: build prims kernels sanitizer python bench
#
# Needs nvcc, CMake, Ninja, GoogleTest, pybind11, and a Python with NumPy, PyTorch and pytest; not
# TensorFlow. A step that fails does not stop the others. Logs, the constants that the
# microbenchmark measured (constants.csv) and the benchmark's table (gpu.csv, gpu.md) go to $OUT,
# which is build/gpu if not set; TFRNN_CMAKE_ARGS are further arguments to CMake.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${OUT:-build/gpu}")
build=build/gpu-only
mkdir -p "$out"
failed=()

step() {  # step NAME COMMAND...: runs the command unless other steps were asked for
  local name=$1 start=$SECONDS
  shift
  [[ ${#steps[@]} == 0 || " ${steps[*]} " == *" $name "* ]] || return 0
  echo "==== $name"
  "$@" 2>&1 | tee "$out/$name.log" | tail -n 25
  local status=${PIPESTATUS[0]}
  echo "==== $name: status $status after $((SECONDS - start)) s"
  [[ $status == 0 ]] || failed+=("$name")
}

build() {
  # shellcheck disable=SC2086
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DTFRNN_CUDA=ON -DTFRNN_OPS=OFF \
    -DTFRNN_TESTS=AUTO -DPython_EXECUTABLE="$(command -v python3)" ${TFRNN_CMAKE_ARGS:-} &&
    cmake --build "$build" --target _core && cp "$build"/{_core*,libtfrnn_cuda}.so tfrnn_ops/ || return
  cmake --build "$build" --target tfrnn_microbench || return
  local tests
  mapfile -t tests < <(cmake --build "$build" --target help | sed -nE 's/^(gpu_[a-z_]+_test): .*/\1/p')
  ((${#tests[@]})) || { echo "GoogleTest was not found: no native tests"; return 1; }
  cmake --build "$build" --target "${tests[@]}"
}

prims() {
  "$build"/tests/gpu/gpu_prim_test && "$build"/tests/gpu/gpu_exchange_test &&
    "$build"/tfrnn_microbench >"$out/constants.csv" &&
    PYTHONPATH=. python3 tools/microbench_table.py "$out/constants.csv"
}

kernels() {
  local status=0 test
  for test in "$build"/tests/gpu/gpu_*_test; do
    timeout 300 "$test" --gtest_brief=1 || { echo "FAILED: $test"; status=1; }
  done
  return $status
}

sanitizer() {
  local tool status=0
  for tool in memcheck racecheck synccheck; do
    timeout 150 compute-sanitizer --tool "$tool" --error-exitcode 1 "$build"/tests/gpu/gpu_lstm_test \
      --gtest_brief=1 --gtest_filter='*BFloat16*one_block*:*BFloat16*cluster_of_2:*BFloat16*grid_of_2' ||
      { echo "FAILED: $tool"; status=1; }
  done
  return $status
}

python() { PYTHONPATH=. python3 -m pytest -q -p no:cacheprovider --confcutdir=tests/gpu tests/gpu; }

bench() {
  cp BENCHMARKS.md "$out/gpu.md"
  PYTHONPATH=. python3 -m tfrnn_ops.bench gpu --csv "$out/gpu.csv" --file "$out/gpu.md"
}

steps=("$@")
for name in build prims kernels sanitizer python bench; do step "$name" "$name"; done
if ((${#failed[@]})); then
  echo "FAILED: ${failed[*]}; see $out"
  exit 1
fi
