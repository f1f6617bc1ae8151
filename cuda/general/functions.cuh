// The functions that the cells of the general kernels apply: whatever was chosen at run time. Every
// activation is compiled once, out of line, not once for each place in a cell that applies one.
#pragma once

#include "csrc/cells/functions.h"
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

}  // namespace tfrnn::cuda
