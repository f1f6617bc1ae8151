// The products that a caller's BLAS would do, as plain loops in float64: quicker than emulating
// gemm.cuh, which has its own test.
#pragma once

#include "csrc/core/types.h"
#include "cuda/blas.h"

namespace tfrnn::cuda {

template <typename T, typename Out>
void PlainGemm(const Gemm& g) {
  const auto at = [](const Gemm::Matrix& matrix, std::int64_t row, std::int64_t column) {
    const std::int64_t index =
        matrix.transposed ? column * matrix.stride + row : row * matrix.stride + column;
    return static_cast<double>(Load(static_cast<const T*>(matrix.data)[index]));
  };
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j = 0; j < g.n; ++j) {
      Out* const to = static_cast<Out*>(g.c) + i * g.c_stride + j;
      double sum = g.accumulate ? static_cast<double>(Load(*to)) : 0;
      for (std::int64_t k = 0; k < g.k; ++k) sum += at(g.a, i, k) * at(g.b, k, j);
      Store(static_cast<ComputeType<Out>>(sum), to);
    }
  }
}

inline Error RunPlainGemm(const Blas& blas, const Gemm& g, Stream) {
  if (blas.context != nullptr) ++*static_cast<int*>(blas.context);
  const bool same = g.output == g.input;
  switch (g.input) {
    case Element::kFloat16:
      same ? PlainGemm<Half, Half>(g) : PlainGemm<Half, float>(g);
      break;
    case Element::kBFloat16:
      same ? PlainGemm<BFloat16, BFloat16>(g) : PlainGemm<BFloat16, float>(g);
      break;
    case Element::kFloat32:
      PlainGemm<float, float>(g);
      break;
    case Element::kFloat64:
      PlainGemm<double, double>(g);
      break;
  }
  return "";
}

}  // namespace tfrnn::cuda
