// What needs no cell: matrix products, sums over rows, dropout of rows and rows by number, in
// cuda/products.cu for every type.
#pragma once

#include <cstddef>

#include "cuda/blas.h"

namespace tfrnn::cuda {

// T: of the operands, as gemm.input says. By blas, if it names one.
template <typename T>
Error RunGemm(const Gemm& gemm, const Blas& blas, Stream stream);

constexpr int kSumChunks = 64;

// sums [columns] of the rows of data, `stride` elements apart, besides what they are if asked to
// accumulate. Of T and Out one is what the other is computed in, or both are the same.
// workspace: kSumChunks * columns elements of the type that T is computed in.
template <typename T, typename Out>
Error RunColumnSums(const T* data, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                    void* workspace, Out* sums, Stream stream, bool accumulate = false);

// to := from, rounded.
template <typename T>
Error RunRound(const ComputeType<T>* from, std::int64_t count, T* to, Stream stream);

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

// Numbers of rows of a matrix; others than [0, count) stand for a row of zeros.
struct IndexedRows {
  const std::int32_t* indices = nullptr;  // [rows]
  std::int64_t rows = 0, count = 0;
};

// to [rows, width] := the rows of `from` [count, width], `stride` elements apart.
template <typename T>
Error RunGather(const IndexedRows& x, const T* from, std::int64_t width, T* to, std::int64_t stride,
                Stream stream);

// For every number the rows where it stands, in their order: from starts[number] on in `rows`.
struct RowLists {
  std::int32_t* starts = nullptr;  // [count + 1]
  std::int32_t* rows = nullptr;    // [x.rows]
};
Error RunListRows(const IndexedRows& x, const RowLists& lists, Stream stream);

// sums [count, width] of the listed rows of data, as of RunColumnSums; rows lie a stride apart in
// both. Out: T or what it is computed in.
template <typename T, typename Out>
Error RunListedSums(const IndexedRows& x, const RowLists& lists, const T* data, std::int64_t stride,
                    std::int64_t width, Out* sums, std::int64_t sums_stride, Stream stream,
                    bool accumulate = false);

}  // namespace tfrnn::cuda
