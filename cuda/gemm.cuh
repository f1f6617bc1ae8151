// Plain matrix products, for callers that name no BLAS: any shape and layout, no tuning. A tile of
// both operands goes through shared memory as rows along the depth, padded with zeros.
#pragma once

#include "cuda/product.cuh"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

constexpr int kGemmTile = 64;        // rows of a and columns of b
constexpr int kGemmDepthBytes = 64;  // of a tile: two steps of the matrix instruction
constexpr int kGemmStride = kGemmDepthBytes + 16;
constexpr int kGemmWarps = kGemmTile / 16;
constexpr int kGemmShared = 2 * kGemmTile * kGemmStride;
constexpr int kSimpleTile = 16;

// Element (row, depth) of op(matrix), where op makes rows of what the result has rows, or columns,
// of; zero outside.
template <typename T>
TFRNN_DEVICE T ElementAt(const Gemm::Matrix& matrix, bool depth_is_row, std::int64_t row,
                         std::int64_t depth, std::int64_t rows, std::int64_t depths) {
  if (row >= rows || depth >= depths) return prim::FromFloat<T>(0);
  const T* const data = static_cast<const T*>(matrix.data);
  return depth_is_row ? data[depth * matrix.stride + row] : data[row * matrix.stride + depth];
}

template <typename T>
TFRNN_DEVICE void LoadTile(unsigned char* to, const Gemm::Matrix& matrix, bool depth_is_row,
                           std::int64_t first, std::int64_t depth, std::int64_t rows,
                           std::int64_t depths) {
  constexpr int kDepth = kGemmDepthBytes / sizeof(T);
  for (int i = prim::Thread(); i < kGemmTile * kDepth; i += prim::Threads()) {
    // Neighbouring threads read neighbours in memory.
    const int row = depth_is_row ? i % kGemmTile : i / kDepth;
    const int column = depth_is_row ? i / kGemmTile : i % kDepth;
    reinterpret_cast<T*>(to + row * kGemmStride)[column] =
        ElementAt<T>(matrix, depth_is_row, first + row, depth + column, rows, depths);
  }
}

template <typename Out>
TFRNN_DEVICE void StoreSum(const Gemm& g, std::int64_t row, std::int64_t column,
                           ComputeType<Out> sum) {
  if (row >= g.m || column >= g.n) return;
  Out* const to = static_cast<Out*>(g.c) + row * g.c_stride + column;
  *to = prim::FromFloat<Out>(g.accumulate ? prim::ToFloat(*to) + sum : sum);
}

// A warp takes 16 rows of the tile.
template <typename T, typename Out>
TFRNN_KERNEL(32 * kGemmWarps)
MatrixGemm(const Gemm g) {
  constexpr int kColumns = kGemmTile / 8;
  if constexpr (!prim::HasMatrices<T>()) {
    return;  // RunGemm does not come here
  } else {
    const auto block = prim::Block();
    const std::int64_t first_row = std::int64_t{block.x} * kGemmTile;
    const std::int64_t first_column = std::int64_t{block.y} * kGemmTile;
    unsigned char* const a_tile = prim::SharedMemory();
    unsigned char* const b_tile = a_tile + kGemmTile * kGemmStride;
    const int lane = prim::Lane(), warp = prim::Thread() / 32;
    float sum[1][kColumns][4] = {};
    for (std::int64_t depth = 0; depth < g.k; depth += kGemmDepthBytes / sizeof(T)) {
      LoadTile<T>(a_tile, g.a, g.a.transposed, first_row, depth, g.m, g.k);
      LoadTile<T>(b_tile, g.b, !g.b.transposed, first_column, depth, g.n, g.k);
      prim::SyncBlock();
      TFRNN_UNROLL for (int step = 0; step < kGemmDepthBytes / kStepBytes; ++step) {
        std::uint32_t a[1][4], b[kColumns][2];
        prim::LoadMatrices(a[0], a_tile + (16 * warp + lane % 16) * kGemmStride +
                                     step * kStepBytes + lane / 16 * 16);
        TFRNN_UNROLL for (int pair = 0; pair < kColumns / 2; ++pair) {
          std::uint32_t words[4];
          prim::LoadMatrices(words, b_tile + (16 * pair + lane % 8 + lane / 16 * 8) * kGemmStride +
                                        step * kStepBytes + lane / 8 % 2 * 16);
          b[2 * pair][0] = words[0], b[2 * pair][1] = words[1];
          b[2 * pair + 1][0] = words[2], b[2 * pair + 1][1] = words[3];
        }
        MultiplyAdd<T>(sum, a, b, g.exact);
      }
      prim::SyncBlock();
    }
    TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
      TFRNN_UNROLL for (int i = 0; i < 4; ++i) {
        StoreSum<Out>(g, first_row + 16 * warp + lane / 4 + 8 * (i / 2),
                      first_column + 8 * c + 2 * (lane % 4) + i % 2, sum[0][c][i]);
      }
    }
  }
}

// Without matrix instructions, and in float64: an element of the result a thread.
template <typename T, typename Out>
TFRNN_KERNEL(kSimpleTile* kSimpleTile)
SimpleGemm(const Gemm g) {
  using A = ComputeType<T>;
  const auto block = prim::Block();
  const int x = prim::Thread() % kSimpleTile, y = prim::Thread() / kSimpleTile;
  const std::int64_t first_row = std::int64_t{block.x} * kSimpleTile;
  const std::int64_t first_column = std::int64_t{block.y} * kSimpleTile;
  A* const a = reinterpret_cast<A*>(prim::SharedMemory());
  A* const b = a + kSimpleTile * (kSimpleTile + 1);
  A sum = 0;
  for (std::int64_t depth = 0; depth < g.k; depth += kSimpleTile) {
    a[y * (kSimpleTile + 1) + x] =
        prim::ToFloat(ElementAt<T>(g.a, g.a.transposed, first_row + y, depth + x, g.m, g.k));
    b[y * (kSimpleTile + 1) + x] =
        prim::ToFloat(ElementAt<T>(g.b, !g.b.transposed, first_column + x, depth + y, g.n, g.k));
    prim::SyncBlock();
    for (int i = 0; i < kSimpleTile; ++i) {
      sum += a[y * (kSimpleTile + 1) + i] * b[i * (kSimpleTile + 1) + x];
    }
    prim::SyncBlock();
  }
  StoreSum<Out>(g, first_row + y, first_column + x, sum);
}

template <typename T, typename Out>
Error LaunchGemm(const Gemm& g, bool matrices, Stream stream) {
  const int tile = matrices ? kGemmTile : kSimpleTile;
  LaunchConfig config;
  config.grid_x = CeilDiv(g.m, tile), config.grid_y = CeilDiv(g.n, tile);
  config.stream = stream;
  if (config.grid_y > 65535) {
    return "a matrix product has " + std::to_string(g.n) + " columns; expected at most " +
           std::to_string(65535 * tile);
  }
  if constexpr (sizeof(T) <= 4) {
    if (matrices) {
      config.threads = 32 * kGemmWarps, config.shared_bytes = kGemmShared;
      return Launch(MatrixGemm<T, Out>, config, g);
    }
  }
  config.threads = kSimpleTile * kSimpleTile;
  config.shared_bytes = 2 * kSimpleTile * (kSimpleTile + 1) * sizeof(ComputeType<T>);
  return Launch(SimpleGemm<T, Out>, config, g);
}

template <typename T>
Error RunGemm(const Gemm& g, const Blas& blas, Stream stream) {
  if (g.m == 0 || g.n == 0) return "";
  if (blas.gemm != nullptr && g.k > 0) return blas.gemm(blas, g, stream);
  DeviceLimits device;
  const Error error = CurrentDevice(&device);
  if (!error.empty()) return error;
  const bool matrices = sizeof(T) <= 4 && (device.arch >= 80 || std::is_same_v<T, Half>);
  return g.output == g.input ? LaunchGemm<T, T>(g, matrices, stream)
                             : LaunchGemm<T, ComputeType<T>>(g, matrices, stream);
}

}  // namespace tfrnn::cuda
