// What needs no cell: matrix products, sums over rows and dropout of rows, in cuda/products.cu for
// every type.
#pragma once

#include <cstddef>

#include "cuda/blas.h"

namespace tfrnn::cuda {

// T: of the operands, as gemm.input says. By blas, if it names one.
template <typename T>
Error RunGemm(const Gemm& gemm, const Blas& blas, Stream stream);

constexpr int kSumChunks = 64;

// sums [columns] of the rows of data, `stride` elements apart. T: Out or what it is computed in.
// workspace: kSumChunks * columns elements of the type that T is computed in.
template <typename T, typename Out>
Error RunColumnSums(const T* data, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                    void* workspace, Out* sums, Stream stream);

// Rows of all steps, `width` wide, and the factors [B, width] of the rows of each batch row.
template <typename T>
struct DroppedRows {
  std::int64_t time = 0, batch = 0, width = 0;
  bool time_major = false;
  const T* factors = nullptr;
};

// to [rows, width] := factors * from, whose rows are `stride` elements apart.
template <typename T>
Error RunDrop(const DroppedRows<T>& rows, const T* from, std::int64_t stride, T* to, Stream stream);

// sums [rows, width] := factors * from, added to what they are unless this is the `first`; then,
// if there is a `to`, that too.
template <typename T>
Error RunAddDropped(const DroppedRows<T>& rows, const ComputeType<T>* from, bool first,
                    ComputeType<T>* sums, T* to, Stream stream);

}  // namespace tfrnn::cuda
