// The big matrix products around the recurrence, done by whoever the caller names: the BLAS of the
// framework that holds the tensors, or, if nobody is named, the plain kernel of gemm.cuh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "csrc/core/types.h"
#include "cuda/error.h"

namespace tfrnn::cuda {

enum class Element { kFloat16, kBFloat16, kFloat32, kFloat64 };

template <typename T>
constexpr Element ElementOf() {
  return std::is_same_v<T, Half>       ? Element::kFloat16
         : std::is_same_v<T, BFloat16> ? Element::kBFloat16
         : std::is_same_v<T, float>    ? Element::kFloat32
                                       : Element::kFloat64;
}

// c [m, n] = op(a) [m, k] · op(b) [k, n], plus c if `accumulate`. Matrices are row-major; `stride`
// counts the elements from one row to the next of the matrix as it lies in memory.
struct Gemm {
  struct Matrix {
    const void* data = nullptr;
    std::int64_t stride = 0;
    bool transposed = false;  // as it lies in memory, it is [k, m] or [n, k]
  };
  std::int64_t m = 0, n = 0, k = 0;
  Matrix a, b;
  void* c = nullptr;
  std::int64_t c_stride = 0;
  Element input = Element::kFloat32;   // of a and b
  Element output = Element::kFloat32;  // of c: input's, or kFloat32
  bool accumulate = false;
  bool exact = true;  // float32 inputs are not to be rounded to TF32
};

// Sums in float32 (float64 for float64) and in an order that depends on the sizes alone.
struct Blas {
  Error (*gemm)(const Blas& blas, const Gemm& gemm, Stream stream) = nullptr;
  void* context = nullptr;
  // The caller's, for the work of one stream; without any the BLAS has its own.
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

}  // namespace tfrnn::cuda
