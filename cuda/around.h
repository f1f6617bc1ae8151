// What the products over all steps need: how they are described, and their workspaces.
#pragma once

#include <algorithm>

#include "cuda/general/reserve.h"
#include "cuda/products.h"

namespace tfrnn::cuda {

template <typename T>
Gemm GemmOf(std::int64_t m, std::int64_t n, std::int64_t k, const CallOptions& options) {
  Gemm gemm;
  gemm.m = m, gemm.n = n, gemm.k = k;
  gemm.input = gemm.output = ElementOf<T>();
  gemm.exact = options.exact;
  return gemm;
}

// A gate's share of factors [G, B, width].
template <typename T>
DroppedRows<T> FactorsOf(const RnnShape& s, std::int64_t width, const T* factors, int gate) {
  return {s.time, s.batch, width, s.time_major, factors + gate * s.batch * width};
}

template <typename T>
struct InputGradientSpace {
  using A = ComputeType<T>;
  A *product = nullptr, *sums = nullptr;  // [T * B, C]: a gate's share under dropout, and all
  std::size_t bytes;

  InputGradientSpace(const InputGradientArgs<T>& a, void* workspace) {
    Arena arena(workspace);
    if (a.input_dropout != nullptr) {
      const std::int64_t count = a.shape.time * a.shape.batch * a.shape.input;
      product = arena.Take<A>(count), sums = arena.Take<A>(count);
    }
    bytes = arena.used();
  }
};

template <typename Cell, typename T>
struct WeightGradientSpace {
  // Of the reserve space: the gradients of the sums of x·kernel and of the recurrent products, and
  // what was multiplied.
  const T *gates, *recurrents, *previous_h, *hidden = nullptr, *projected = nullptr;
  const T* recurrent_factors = nullptr;  // what is not yet in previous_h
  ComputeType<T>* column_sums;
  T* dropped = nullptr;  // [T * B, C or W]: what a gate's weights multiplied
  std::size_t bytes;

  WeightGradientSpace(const WeightGradientArgs<T>& a, void* workspace) {
    const RnnShape& s = a.shape;
    void* const memory = const_cast<void*>(a.dgates);  // reads only
    if (!Cell::kRecurrent || a.options.general) {
      const GeneralReserve<Cell, T> reserve(s, a.options, memory);
      gates = reserve.gates, recurrents = reserve.recurrents, previous_h = reserve.previous[0];
      hidden = reserve.hidden, projected = reserve.projected;
      recurrent_factors = a.recurrent_dropout;
    } else {
      const Reserve<Cell, T> reserve(s, a.options, memory);
      gates = recurrents = reserve.gates, previous_h = reserve.previous[0];
    }
    Arena arena(workspace);
    column_sums = arena.Take<ComputeType<T>>(kSumChunks * Cell::kGates * s.units);
    const std::int64_t input = a.input_dropout == nullptr ? 0 : s.input;
    const std::int64_t width = recurrent_factors == nullptr ? 0 : s.Hidden();
    if (input + width > 0) dropped = arena.Take<T>(s.time * s.batch * std::max(input, width));
    bytes = arena.used();
  }
};

}  // namespace tfrnn::cuda
