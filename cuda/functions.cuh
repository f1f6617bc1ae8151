// The functions that cells apply: tanh and sigmoid, or whatever was chosen at run time. Then every
// activation is compiled once, out of line, not once for each place in a cell that applies one.
#pragma once

#include <type_traits>

#include "csrc/cells/functions.h"
#include "cuda/loop.h"
#include "cuda/math.cuh"

namespace tfrnn::cuda {

template <typename A>
TFRNN_OUTLINE A Activate(Activation kind, A x) {
  return Activated(kind, x);
}
template <typename A>
TFRNN_OUTLINE A SlopeOf(Activation kind, A x, A y) {
  return ActivationSlope(kind, x, y);
}

template <typename A>
struct Switched : Chosen<A> {
  using Base = Chosen<A>;
  TFRNN_DEVICE A Gate(A x) const { return Activate(Base::recurrent_activation, x); }
  TFRNN_DEVICE A Act(A x) const { return Activate(Base::activation, x); }
  TFRNN_DEVICE A GateOf(A kept) const { return Gate(kept); }
  TFRNN_DEVICE A ActOf(A kept) const { return Act(kept); }
  TFRNN_DEVICE A GateSlope(A kept, A y) const {
    return SlopeOf(Base::recurrent_activation, kept, y);
  }
  TFRNN_DEVICE A ActSlope(A kept, A y) const { return SlopeOf(Base::activation, kept, y); }
};

// A cell whose functions, peepholes and bound on the state are chosen at run time: the plain
// kernels take it as they take the cell itself, so that those without options have no registers for
// them.
template <template <typename> class CellT>
struct WithOptions {
  template <typename V>
  struct Cell : CellT<V> {
    static constexpr bool kHasOptions = true;
  };
};
template <typename Cell, typename = void>
constexpr bool kHasOptions = false;
template <typename Cell>
constexpr bool kHasOptions<Cell, std::void_t<decltype(Cell::kHasOptions)>> = true;

// What a cell applies in unit u.
template <typename Cell, typename T>
TFRNN_DEVICE auto FunctionsOf(const LoopBase<T>& a, std::int32_t u) {
  using A = ComputeType<T>;
  if constexpr (kHasOptions<Cell>) {
    Switched<A> fn;
    fn.activation = a.activation, fn.recurrent_activation = a.recurrent_activation;
    fn.clips = a.cell_clip > 0, fn.clip = static_cast<A>(a.cell_clip);
    for (int k = 0; k < Cell::kVectors && a.vectors != nullptr; ++k) {
      fn.vector[k] = prim::ToFloat(a.vectors[std::int64_t{k} * a.units + u]);
    }
    return fn;
  } else {
    return Standard<A>();
  }
}

}  // namespace tfrnn::cuda
