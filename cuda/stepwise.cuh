// The recurrence with one launch per step: correct for every shape, fast for none. A block
// computes a tile of units by batch rows; x·kernel and h·recurrent_kernel go through shared
// memory in slices, the cell runs on the sums in registers.
#pragma once

#include "csrc/cells/cell.h"
#include "cuda/launch.h"

namespace tfrnn::cuda {

constexpr int kTile = 16;  // units, batch rows and depth of a tile

__host__ __device__ inline std::int64_t RowOf(const RnnShape& s, std::int64_t t, std::int64_t b) {
  return s.time_major ? t * s.batch + b : b * s.time + t;
}

// Adds one batch row (null: none) times w [depth, G*U] to the sums of this thread's unit. All
// threads of the block take part.
template <typename Cell, bool kRecurrent, typename T>
__device__ void AddProduct(T (&sums)[Cell::kSums], const T* row, const T* w, std::int64_t depth,
                           std::int64_t units) {
  constexpr int G = Cell::kGates;
  __shared__ T left[kTile][kTile + 1];
  __shared__ T right[kTile][G][kTile];
  const std::int64_t unit = std::int64_t{blockIdx.x} * kTile + threadIdx.x;
  for (std::int64_t first = 0; first < depth; first += kTile) {
    const std::int64_t column = first + threadIdx.x, line = first + threadIdx.y;
    left[threadIdx.y][threadIdx.x] = row != nullptr && column < depth ? row[column] : T(0);
#pragma unroll
    for (int g = 0; g < G; ++g) {
      right[threadIdx.y][g][threadIdx.x] =
          line < depth && unit < units ? w[(line * G + g) * units + unit] : T(0);
    }
    __syncthreads();
    for (int i = 0; i < kTile; ++i) {
#pragma unroll
      for (int g = 0; g < G; ++g) {
        const int sum = kRecurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g);
        sums[sum] += left[threadIdx.y][i] * right[i][g][threadIdx.x];
      }
    }
    __syncthreads();
  }
}

// Step t: h is read, next_h written; the other states are updated in place in args.final.
template <template <typename> class CellT, typename T>
__global__ void __launch_bounds__(kTile* kTile)
    ForwardStep(const ForwardArgs<T> a, std::int64_t t, const T* h, T* next_h) {
  using Cell = CellT<T>;
  static_assert(Cell::kPhases == 1, "one launch per step has one phase");
  const RnnShape& s = a.shape;
  const std::int64_t unit = std::int64_t{blockIdx.x} * kTile + threadIdx.x;
  const std::int64_t b = std::int64_t{blockIdx.y} * kTile + threadIdx.y;
  const bool inside = b < s.batch;
  const std::int64_t input = inside ? RowOf(s, a.options.go_backwards ? s.time - 1 - t : t, b) : 0;

  T sums[Cell::kSums] = {};
  if (a.bias != nullptr && unit < s.units) {
#pragma unroll
    for (int g = 0; g < Cell::kGates; ++g) {
      sums[Cell::InputSum(g)] += a.bias[g * s.units + unit];
      if (Cell::kBiases == 2) {
        sums[Cell::RecurrentSum(g)] += a.bias[(Cell::kGates + g) * s.units + unit];
      }
    }
  }
  AddProduct<Cell, false>(sums, inside ? a.x + input * s.input : nullptr, a.kernel, s.input,
                          s.units);
  AddProduct<Cell, true>(sums, inside ? h + b * s.units : nullptr, a.recurrent_kernel, s.units,
                         s.units);
  if (!inside || unit >= s.units) return;

  const std::int64_t at = b * s.units + unit;
  T* const output = a.outputs + RowOf(s, t, b) * s.units + unit;
  if (a.mask != nullptr && !a.mask[input]) {
    next_h[at] = h[at];
    *output = t == 0 || a.options.zero_output_for_mask
                  ? T(0)
                  : a.outputs[RowOf(s, t - 1, b) * s.units + unit];
    return;
  }
  T prev[Cell::kStates], next[Cell::kStates], saved[Cell::kSaved];
  prev[0] = h[at];
#pragma unroll
  for (int i = 1; i < Cell::kStates; ++i) prev[i] = a.final[i][at];
  Cell::Forward(Standard<T>(), sums, prev, next, saved);
  next_h[at] = *output = next[0];
#pragma unroll
  for (int i = 1; i < Cell::kStates; ++i) a.final[i][at] = next[i];
}

template <template <typename> class Cell, typename T>
cudaError_t Forward(const ForwardArgs<T>& args, cudaStream_t stream) {
  const RnnShape& s = args.shape;
  if (args.reserve_space != nullptr) return cudaErrorNotSupported;
  if (s.batch == 0 || s.units == 0) return cudaSuccess;
  const std::int64_t rows = (s.batch + kTile - 1) / kTile;
  if (rows > 65535) return cudaErrorInvalidConfiguration;  // the grid's limit in y
  for (int i = 0; i < Cell<T>::kStates; ++i) {
    const cudaError_t error = cudaMemcpyAsync(
        args.final[i], args.initial[i], ForwardWorkspace<T>(s), cudaMemcpyDeviceToDevice, stream);
    if (error != cudaSuccess) return error;
  }
  const dim3 grid(static_cast<unsigned>((s.units + kTile - 1) / kTile),
                  static_cast<unsigned>(rows));
  T* h = args.final[0];
  T* next_h = static_cast<T*>(args.workspace);
  for (std::int64_t t = 0; t < s.time; ++t) {
    ForwardStep<Cell, T><<<grid, dim3(kTile, kTile), 0, stream>>>(args, t, h, next_h);
    T* const last = h;
    h = next_h;
    next_h = last;
  }
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess || h == args.final[0]) return error;
  return cudaMemcpyAsync(args.final[0], h, ForwardWorkspace<T>(s), cudaMemcpyDeviceToDevice,
                         stream);
}

}  // namespace tfrnn::cuda
