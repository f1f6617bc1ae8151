// What needs no cell: matrix products and sums over rows, in cuda/products.cu for every type.
#pragma once

#include <cstddef>

#include "cuda/blas.h"

namespace tfrnn::cuda {

// T: of the operands, as gemm.input says. By blas, if it names one.
template <typename T>
Error RunGemm(const Gemm& gemm, const Blas& blas, Stream stream);

constexpr int kSumChunks = 64;

// sums [columns] of the rows of data, `stride` elements apart. workspace: kSumChunks * columns
// elements of the type that T is computed in.
template <typename T>
Error RunColumnSums(const T* data, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                    void* workspace, T* sums, Stream stream);

}  // namespace tfrnn::cuda
