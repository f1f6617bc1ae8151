// How far kernels may be from float64 given the same rounded inputs, relative to the largest value
// of a tensor (or to 1). The only table; a kernel that misses it has a bug until shown otherwise.
#pragma once

#include "csrc/core/types.h"

namespace tfrnn::cuda {

template <typename T>
double Tolerance(bool exact);

// Sums of a few hundred products, carried through a few steps; functions good to 2 ulp of 2^-24.
template <>
inline double Tolerance<float>(bool exact) {
  // Not exact: operands are rounded to TF32's 11 bits, so products are off by 2^-11.
  return exact ? 1e-6 : 2e-3;
}
template <>
inline double Tolerance<double>(bool) {
  return 4e-15;
}
// x·kernel, h, the saved gates and their gradients are each rounded to 11 bits (2^-12 relative).
template <>
inline double Tolerance<Half>(bool) {
  return 2e-3;
}
// The same with 8 bits: 2^-9 each.
template <>
inline double Tolerance<BFloat16>(bool) {
  return 1.6e-2;
}

// With options: layer normalisation divides by a deviation that may be well below 1, and so makes
// roundings larger, on the way back once more.
template <typename T>
double GeneralTolerance() {
  return 8 * Tolerance<T>(true);
}

}  // namespace tfrnn::cuda
