// Sums over the rows of a matrix, for the gradient of the bias: in two kernels and always in the
// same order. First every block adds up a chunk of rows of 32 columns, then the chunks are added.
#pragma once

#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

constexpr int kSumColumns = 32, kSumLanes = 8;  // threads of a block: columns x rows

template <typename T, typename Out>
struct ColumnSums {
  const T* data = nullptr;
  std::int64_t rows = 0, columns = 0, stride = 0;
  ComputeType<T>* partial = nullptr;  // [kSumChunks, columns]
  Out* sums = nullptr;                // [columns]
  int chunks = 0;
  bool accumulate = false;
};

template <typename T, typename Out>
TFRNN_KERNEL(kSumColumns* kSumLanes)
SumChunks(const ColumnSums<T, Out> s) {
  using A = ComputeType<T>;
  A* const lanes = reinterpret_cast<A*>(prim::SharedMemory());
  const int lane = prim::Thread() / kSumColumns, column_here = prim::Thread() % kSumColumns;
  const auto block = prim::Block();
  const std::int64_t column = std::int64_t{block.x} * kSumColumns + column_here;
  const std::int64_t first = block.y * s.rows / s.chunks, end = (block.y + 1) * s.rows / s.chunks;
  A sum = 0;
  if (column < s.columns) {
    for (std::int64_t row = first + lane; row < end; row += kSumLanes) {
      sum += prim::ToFloat(s.data[row * s.stride + column]);
    }
  }
  lanes[prim::Thread()] = sum;
  prim::SyncBlock();
  if (lane != 0 || column >= s.columns) return;
  for (int i = 1; i < kSumLanes; ++i) sum += lanes[i * kSumColumns + column_here];
  s.partial[block.y * s.columns + column] = sum;
}

template <typename T, typename Out>
TFRNN_KERNEL(256)
AddChunks(const ColumnSums<T, Out> s) {
  const std::int64_t column = std::int64_t{prim::Block().x} * 256 + prim::Thread();
  if (column >= s.columns) return;
  ComputeType<T> sum = s.accumulate ? prim::ToFloat(s.sums[column]) : 0;
  for (int chunk = 0; chunk < s.chunks; ++chunk) sum += s.partial[chunk * s.columns + column];
  s.sums[column] = prim::FromFloat<Out>(sum);
}

template <typename T, typename Out>
Error RunColumnSums(const T* data, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                    void* workspace, Out* sums, Stream stream, bool accumulate) {
  if (columns == 0) return "";
  ColumnSums<T, Out> s;
  s.data = data, s.rows = rows, s.columns = columns, s.stride = stride;
  s.partial = static_cast<ComputeType<T>*>(workspace), s.sums = sums;
  s.chunks = kSumChunks, s.accumulate = accumulate;
  if (rows < kSumChunks * 2 * kSumLanes) s.chunks = rows == 0 ? 1 : CeilDiv(rows, 2 * kSumLanes);
  LaunchConfig config;
  config.grid_x = CeilDiv(s.columns, kSumColumns), config.grid_y = s.chunks;
  config.threads = kSumColumns * kSumLanes;
  config.shared_bytes = config.threads * sizeof(ComputeType<T>);
  config.stream = stream;
  const Error error = Launch(SumChunks<T, Out>, config, s);
  if (!error.empty()) return error;
  LaunchConfig second;
  second.grid_x = CeilDiv(s.columns, 256), second.threads = 256, second.stream = stream;
  return Launch(AddChunks<T, Out>, second, s);
}

template <typename T>
TFRNN_KERNEL(256)
Round(const ComputeType<T>* from, std::int64_t count, T* to) {
  const std::int64_t at = std::int64_t{prim::Block().x} * 256 + prim::Thread();
  if (at < count) to[at] = prim::FromFloat<T>(from[at]);
}

template <typename T>
Error RunRound(const ComputeType<T>* from, std::int64_t count, T* to, Stream stream) {
  if (count == 0) return "";
  LaunchConfig config;
  config.grid_x = CeilDiv(count, 256), config.threads = 256, config.stream = stream;
  return Launch(Round<T>, config, from, count, to);
}

}  // namespace tfrnn::cuda
