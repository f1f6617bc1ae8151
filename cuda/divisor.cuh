// Division by a number that is known only when a kernel starts, often: the processor has no
// instruction for it and takes some twenty.
#pragma once

#include "cuda/prim.cuh"

namespace tfrnn::cuda {

class Divisor {
 public:
  explicit TFRNN_DEVICE Divisor(int by) : by_(by), reciprocal_(by < 1 ? 0 : 0x7fffffffu / by + 1) {}

  // x / by and x % by, where 0 <= x * by <= 2^31: the reciprocal, in units of 2^-31, is too large
  // by less than one, and the quotient by less than x / 2^31 <= 1 / by.
  TFRNN_DEVICE int Quotient(int x) const {
    return static_cast<int>(prim::MultiplyHigh(2 * static_cast<unsigned>(x), reciprocal_));
  }
  TFRNN_DEVICE int Remainder(int x) const { return x - Quotient(x) * by_; }
  TFRNN_DEVICE operator int() const { return by_; }

 private:
  const int by_;
  const unsigned reciprocal_;
};

}  // namespace tfrnn::cuda
