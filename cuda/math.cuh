// The cells' functions on a GPU: from the two fast instructions that there are.
#pragma once

#include "csrc/cells/cell.h"
#include "cuda/prim.cuh"

namespace tfrnn {

template <>
struct Math<float> {
  static constexpr float kLog2E = 1.44269504f;

  static TFRNN_CELL float Zero() { return 0; }
  static TFRNN_CELL float One() { return 1; }
  static TFRNN_CELL float Of(double x) { return static_cast<float>(x); }
  static TFRNN_CELL float Exp(float x) { return std::exp(x); }
  static TFRNN_CELL float Expm1(float x) { return std::expm1(x); }
  static TFRNN_CELL float Log1p(float x) { return std::log1p(x); }
  static TFRNN_CELL float Erf(float x) { return std::erf(x); }
  static TFRNN_DEVICE float Sigmoid(float x) {
    return prim::Reciprocal(1 + prim::Exp2(-kLog2E * x));
  }
  // Near zero 1 - 2 / (exp(2x) + 1) would lose its digits; there the series is as good.
  static TFRNN_DEVICE float Tanh(float x) {
    const float size = x < 0 ? -x : x;
    const float square = x * x;
    const float series =
        size + size * square *
                   (-0.333333333f +
                    square * (0.133333333f + square * (-0.0539682540f + square * 0.0218694885f)));
    const float far = 1 - 2 * prim::Reciprocal(prim::Exp2(2 * kLog2E * size) + 1);
    const float y = size < 0.3f ? series : far;
    return x < 0 ? -y : y;
  }
};

}  // namespace tfrnn
