// The products over all steps: how they are described, what takes their place, their workspaces.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

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

// What an op's x names, where it holds numbers of rows of kernel.
inline IndexedRows IndexedRowsOf(const RnnShape& s, const std::int32_t* indices) {
  return {indices, s.time * s.batch, s.input};
}

// A gate's share of factors [G, B, width].
template <typename T>
DroppedRows<T> FactorsOf(const RnnShape& s, std::int64_t width, const T* factors, int gate) {
  return {s.time, s.batch, width, s.time_major, factors + gate * s.batch * width};
}

// gates := x·kernel of all steps, rows `width` elements apart. dropped: [T * B, C] for
// input_dropout.
template <typename Cell, typename T>
Error RunInput(const ForwardArgs<T>& a, const CallOptions& options, T* gates, std::int64_t width,
               T* dropped, Stream stream) {
  const RnnShape& s = a.shape;
  const std::int64_t columns = Cell::kGates * s.units;
  if (a.indices != nullptr) {
    return RunGather(IndexedRowsOf(s, a.indices), a.kernel, columns, gates, width, stream);
  }
  const int products = a.input_dropout == nullptr ? 1 : Cell::kGates;
  Error error;
  for (int i = 0; i < products && error.empty(); ++i) {
    Gemm g = GemmOf<T>(s.time * s.batch, columns / products, s.input, options);
    g.a = {a.x, s.input, false};
    g.b = {a.kernel + i * g.n, columns, false};
    g.c = gates + i * g.n, g.c_stride = width;
    if (a.input_dropout != nullptr) {
      error = RunDrop(FactorsOf(s, s.input, a.input_dropout, i), a.x, s.input, dropped, stream);
      g.a.data = dropped;
    }
    if (error.empty()) error = RunGemm<T>(g, options.blas, stream);
  }
  return error;
}

// The gradient of kernel where x names its rows, in place of the product that would make it.
template <typename T, typename Out>
Error RunIndexedGradient(const WeightGradientArgs<T>& a, const RowLists& lists, const Gemm& g,
                         Stream stream) {
  const IndexedRows x = IndexedRowsOf(a.shape, a.indices);
  const Error error = RunListRows(x, lists, stream);
  if (!error.empty()) return error;
  return RunListedSums(x, lists, static_cast<const T*>(g.b.data), g.b.stride, g.n,
                       static_cast<Out*>(g.c), g.c_stride, stream, g.accumulate);
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

// What the gradients of the weights are written to.
template <typename T>
struct WeightResults {
  T *dkernel = nullptr, *drecurrent_kernel = nullptr, *dbias = nullptr, *dprojection = nullptr;

  std::array<T*, 4> All() const { return {dkernel, drecurrent_kernel, dbias, dprojection}; }
};

template <typename Cell, typename T>
struct WeightGradientSpace {
  // Of the reserve space: the gradients of the sums of x·kernel and of the recurrent products, and
  // what was multiplied.
  const T *gates, *recurrents, *previous_h, *hidden = nullptr, *projected = nullptr;
  const T* recurrent_factors = nullptr;  // what is not yet in previous_h
  ComputeType<T>* column_sums;
  T* dropped = nullptr;  // [T * B, C or W]: what a gate's weights multiplied
  RowLists lists;        // of the rows of kernel that x names
  // Of a segment, unless T is what it is computed in; and their elements.
  WeightResults<ComputeType<T>> sums;
  std::array<std::int64_t, 4> sizes;
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
    const std::int64_t columns = Cell::kGates * s.units;
    sizes = {s.input * columns, Cell::kRecurrent ? s.Hidden() * columns : 0,
             Cell::kBiases * columns, s.units * s.projection};
    if (s.total > 0 && !std::is_same_v<T, ComputeType<T>>) {
      using A = ComputeType<T>;
      sums.dkernel = arena.Take<A>(sizes[0]), sums.drecurrent_kernel = arena.Take<A>(sizes[1]);
      if (a.dbias != nullptr) sums.dbias = arena.Take<A>(sizes[2]);
      sums.dprojection = arena.Take<A>(sizes[3]);
    }
    column_sums = arena.Take<ComputeType<T>>(kSumChunks * Cell::kGates * s.units);
    const std::int64_t input = a.input_dropout == nullptr ? 0 : s.input;
    const std::int64_t width = recurrent_factors == nullptr ? 0 : s.Hidden();
    if (input + width > 0) dropped = arena.Take<T>(s.time * s.batch * std::max(input, width));
    if (a.indices != nullptr) {
      lists.starts = arena.Take<std::int32_t>(s.input + 1);
      lists.rows = arena.Take<std::int32_t>(s.time * s.batch);
    }
    bytes = arena.used();
  }
};

}  // namespace tfrnn::cuda
