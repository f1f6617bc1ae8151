// Dropout around the products over all steps: every gate has factors of its own, the same at all
// steps.
#pragma once

#include "cuda/geometry.h"
#include "cuda/prim.cuh"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

constexpr int kDropThreads = 256;

// Calls body(row, column, factor) for the element of this thread, if it has one.
template <typename T, typename Body>
TFRNN_DEVICE void ForDropped(const DroppedRows<T>& d, const Body& body) {
  const std::int64_t at = std::int64_t{prim::Block().x} * kDropThreads + prim::Thread();
  if (at >= d.time * d.batch * d.width) return;
  const std::int64_t row = at / d.width, column = at % d.width;
  const std::int64_t b = d.time_major ? row % d.batch : row / d.time;
  body(row, column, prim::ToFloat(d.factors[b * d.width + column]));
}

template <typename T>
TFRNN_KERNEL(kDropThreads)
Drop(const DroppedRows<T> d, const T* from, std::int64_t stride, T* to) {
  ForDropped(d, [&](std::int64_t row, std::int64_t column, ComputeType<T> factor) {
    const ComputeType<T> value = prim::ToFloat(from[row * stride + column]);
    to[row * d.width + column] = prim::FromFloat<T>(value * factor);
  });
}

template <typename T>
TFRNN_KERNEL(kDropThreads)
AddDropped(const DroppedRows<T> d, const ComputeType<T>* from, bool first, ComputeType<T>* sums,
           T* to) {
  ForDropped(d, [&](std::int64_t row, std::int64_t column, ComputeType<T> factor) {
    const std::int64_t at = row * d.width + column;
    const ComputeType<T> sum = (first ? 0 : sums[at]) + from[at] * factor;
    sums[at] = sum;
    if (to != nullptr) to[at] = prim::FromFloat<T>(sum);
  });
}

template <typename T>
Error ConfigFor(const DroppedRows<T>& d, Stream stream, LaunchConfig* config) {
  const std::int64_t count = d.time * d.batch * d.width;
  if (count > std::int64_t{INT32_MAX} * kDropThreads) {
    return "dropped rows hold " + std::to_string(count) + " elements; expected at most 2^39";
  }
  config->grid_x = CeilDiv(count, kDropThreads), config->threads = kDropThreads;
  config->stream = stream;
  return "";
}

template <typename T>
Error RunDrop(const DroppedRows<T>& d, const T* from, std::int64_t stride, T* to, Stream stream) {
  LaunchConfig config;
  const Error error = ConfigFor(d, stream, &config);
  if (!error.empty() || config.grid_x == 0) return error;
  return Launch(Drop<T>, config, d, from, stride, to);
}

template <typename T>
Error RunAddDropped(const DroppedRows<T>& d, const ComputeType<T>* from, bool first,
                    ComputeType<T>* sums, T* to, Stream stream) {
  LaunchConfig config;
  const Error error = ConfigFor(d, stream, &config);
  if (!error.empty() || config.grid_x == 0) return error;
  return Launch(AddDropped<T>, config, d, from, first, sums, to);
}

}  // namespace tfrnn::cuda
