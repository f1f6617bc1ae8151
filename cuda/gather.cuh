// x·kernel where an x is the number of the row of kernel that it picks, and the gradient of kernel,
// which sums up the rows in which a number stands: always in the order of the rows.
#pragma once

#include <algorithm>

#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

constexpr int kGatherThreads = 256;
constexpr int kIndexTile = 1024;  // indices in shared memory at once

// A block copies a row; `from` has columns [width], or there is none of that number.
template <typename T>
TFRNN_KERNEL(kGatherThreads)
Gather(const IndexedRows x, const T* from, std::int64_t width, T* to, std::int64_t stride) {
  const std::int64_t row = prim::Block().x;
  const std::int32_t index = x.indices[row];
  const bool named = index >= 0 && index < x.count;
  for (std::int64_t column = prim::Thread(); column < width; column += prim::Threads()) {
    to[row * stride + column] =
        named ? from[std::int64_t{index} * width + column] : prim::FromFloat<T>(0);
  }
}

// Calls body(row, index) for all rows in their order, in every thread of the block.
template <typename Body>
TFRNN_DEVICE void ForIndices(const IndexedRows& x, const Body& body) {
  std::int32_t* const tile = reinterpret_cast<std::int32_t*>(prim::SharedMemory());
  for (std::int64_t first = 0; first < x.rows; first += kIndexTile) {
    const int count = static_cast<int>(x.rows - first < kIndexTile ? x.rows - first : kIndexTile);
    prim::SyncBlock();  // the last tile has been read
    for (int i = prim::Thread(); i < count; i += prim::Threads()) tile[i] = x.indices[first + i];
    prim::SyncBlock();
    for (int i = 0; i < count; ++i) body(static_cast<std::int32_t>(first) + i, tile[i]);
  }
}

// A thread takes a number: it counts the rows of smaller ones, behind which its own are listed.
// Those of numbers that name nothing take places that nobody reads.
inline TFRNN_KERNEL(kGatherThreads) ListRows(const IndexedRows x, const RowLists lists) {
  const std::int64_t number = std::int64_t{prim::Block().x} * kGatherThreads + prim::Thread();
  std::int32_t at = 0;
  ForIndices(x, [&](std::int32_t, std::int32_t index) { at += index < number; });
  if (number <= x.count) lists.starts[number] = at;
  ForIndices(x, [&](std::int32_t row, std::int32_t index) {
    if (index == number && number < x.count) lists.rows[at++] = row;
  });
}

template <typename T, typename Out>
struct ListedSums {
  RowLists lists;
  const T* data = nullptr;
  std::int64_t width = 0, stride = 0, sums_stride = 0;
  int lanes = 1;  // threads that share the rows of a sum
  bool accumulate = false;
  Out* sums = nullptr;
};

// A block takes a number and as many columns as its lanes leave threads for.
template <typename T, typename Out>
TFRNN_KERNEL(kGatherThreads)
SumListed(const ListedSums<T, Out> s) {
  using A = ComputeType<T>;
  A* const shares = reinterpret_cast<A*>(prim::SharedMemory());
  const int columns = kGatherThreads / s.lanes;
  const int lane = prim::Thread() / columns, column_here = prim::Thread() % columns;
  const std::int64_t number = prim::Block().x;
  const std::int64_t column = std::int64_t{prim::Block().y} * columns + column_here;
  const std::int32_t end = s.lists.starts[number + 1];
  A sum = 0;
  if (column < s.width) {
    for (std::int32_t i = s.lists.starts[number] + lane; i < end; i += s.lanes) {
      sum += prim::ToFloat(s.data[s.lists.rows[i] * s.stride + column]);
    }
  }
  shares[prim::Thread()] = sum;
  prim::SyncBlock();
  if (lane != 0 || column >= s.width) return;
  for (int i = 1; i < s.lanes; ++i) sum += shares[i * columns + column_here];
  Out& result = s.sums[number * s.sums_stride + column];
  result = prim::FromFloat<Out>(s.accumulate ? prim::ToFloat(result) + sum : sum);
}

// Grids and lists count with 32 bits.
inline Error TooManyRows(const IndexedRows& x) {
  if (x.rows < INT32_MAX && x.count < INT32_MAX) return "";
  return "x names " + std::to_string(x.rows) + " rows of the kernel's " + std::to_string(x.count) +
         "; expected fewer than 2^31 - 1 of both";
}

template <typename T>
Error RunGather(const IndexedRows& x, const T* from, std::int64_t width, T* to, std::int64_t stride,
                Stream stream) {
  const Error error = TooManyRows(x);
  if (!error.empty() || x.rows == 0 || width == 0) return error;
  LaunchConfig config;
  config.grid_x = static_cast<unsigned>(x.rows);
  config.threads = std::min(32 * CeilDiv(width, 32), kGatherThreads);
  config.stream = stream;
  return Launch(Gather<T>, config, x, from, width, to, stride);
}

template <typename T, typename Out>
Error RunListedSums(const IndexedRows& x, const RowLists& lists, const T* data, std::int64_t stride,
                    std::int64_t width, Out* sums, std::int64_t sums_stride, Stream stream,
                    bool accumulate) {
  if (x.count == 0 || width == 0) return "";
  ListedSums<T, Out> s;
  s.lists = lists, s.data = data, s.stride = stride, s.sums = sums, s.sums_stride = sums_stride;
  s.width = width, s.accumulate = accumulate;
  s.lanes = x.rows < 8 * x.count ? 1 : 8;  // a list is short where there are many
  LaunchConfig config;
  config.grid_x = static_cast<unsigned>(x.count);
  config.grid_y = CeilDiv(width, kGatherThreads / s.lanes);
  config.threads = kGatherThreads;
  config.shared_bytes = kGatherThreads * sizeof(ComputeType<T>);
  config.stream = stream;
  return Launch(SumListed<T, Out>, config, s);
}

}  // namespace tfrnn::cuda
