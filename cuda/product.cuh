// The recurrent product of a block: its weights, resident in shared memory as operand A, times the
// rows of the batch. See geometry.h for the layout, and for which weights they are.
#pragma once

#include "cuda/geometry.h"
#include "cuda/prim.cuh"

namespace tfrnn::cuda {

struct alignas(16) Fragment {
  std::uint32_t words[4];
};

// Which weight is in row `row` of a tile at depth `depth`, for the block whose units begin at
// `first_unit`.
template <typename T>
struct Weights {
  const T* recurrent_kernel;  // [U, G*U]
  std::int32_t units, first_unit;
  int gates;

  TFRNN_DEVICE T At(std::int32_t from, std::int32_t to, int gate) const {
    if (from >= units || to >= units) return prim::FromFloat<T>(0);
    return recurrent_kernel[(std::int64_t{from} * gates + gate) * units + to];
  }
  TFRNN_DEVICE T Forward(const Geometry&, int tile, int row, int depth) const {
    return At(depth, first_unit + tile / gates * kGranule + row, tile % gates);
  }
  TFRNN_DEVICE T Backward(const Geometry& g, int tile, int row, int depth) const {
    return At(tile * kGranule + row, first_unit + depth % g.units, depth / g.units);
  }
};

// Brings the block's weights into shared memory.
template <Pass kPass, typename T>
TFRNN_DEVICE void LoadWeights(const Geometry& g, const Weights<T>& weights) {
  constexpr int kPerWord = 4 / sizeof(T);
  Fragment* const fragments = reinterpret_cast<Fragment*>(prim::SharedMemory());
  const int count = g.tiles * g.depth_steps * 32;
  for (int i = prim::Thread(); i < count; i += prim::Threads()) {
    const int lane = i % 32, step = i / 32 % g.depth_steps, tile = i / 32 / g.depth_steps;
    Fragment fragment;
    TFRNN_UNROLL for (int word = 0; word < 4; ++word) {
      const int row = lane / 4 + 8 * (word % 2);
      const int depth = (8 * step + lane % 4 + 4 * (word / 2)) * kPerWord;
      std::uint32_t bits = 0;
      TFRNN_UNROLL for (int e = 0; e < kPerWord; ++e) {
        const T w = kPass == Pass::kForward ? weights.Forward(g, tile, row, depth + e)
                                            : weights.Backward(g, tile, row, depth + e);
        bits |= prim::Bits(w) << (16 * e);
      }
      fragment.words[word] = bits;
    }
    fragments[i] = fragment;
  }
}

// sum += a * b, for float either with both operands rounded to TF32, or with each split in two
// TF32 numbers, whose product but for the two small halves' is as exact as float's.
template <typename T, int kTiles, int kColumns>
TFRNN_DEVICE void MultiplyAdd(float (&sum)[kTiles][kColumns][4],
                              const std::uint32_t (&a)[kTiles][4],
                              const std::uint32_t (&b)[kColumns][2], bool exact) {
  if constexpr (sizeof(T) == 4) {
    const auto split = [](std::uint32_t bits, std::uint32_t* high, std::uint32_t* low) {
      *high = prim::RoundToTf32(prim::AsFloat(bits));
      *low = prim::RoundToTf32(prim::AsFloat(bits) - prim::AsFloat(*high));
    };
    std::uint32_t b_high[kColumns][2], b_low[kColumns][2];
    TFRNN_UNROLL for (int i = 0; i < kColumns; ++i) {
      TFRNN_UNROLL for (int w = 0; w < 2; ++w) split(b[i][w], &b_high[i][w], &b_low[i][w]);
    }
    // Tile by tile: the halves of all tiles would not fit into the registers.
    TFRNN_UNROLL for (int i = 0; i < kTiles; ++i) {
      std::uint32_t a_high[1][4], a_low[1][4];
      TFRNN_UNROLL for (int w = 0; w < 4; ++w) split(a[i][w], &a_high[0][w], &a_low[0][w]);
      auto& tile = reinterpret_cast<float (&)[1][kColumns][4]>(sum[i]);
      if (exact) {
        prim::MultiplyAdd<T>(tile, a_low, b_high);
        prim::MultiplyAdd<T>(tile, a_high, b_low);
      }
      prim::MultiplyAdd<T>(tile, a_high, b_high);
    }
  } else {
    prim::MultiplyAdd<T>(sum, a, b);
  }
}

// Adds up the products of some tiles of weights, one lane's fragments of which begin at `weights`,
// with the rows of the batch in `operand`, over a share of the depth.
template <typename T, int kTiles, int kColumns>
TFRNN_DEVICE void Accumulate(const Geometry& g, const Fragment* weights,
                             const unsigned char* operand, int share, bool exact,
                             float (&sum)[kTiles][kColumns][4]) {
  // ldmatrix brings the operand of two steps of eight rows, or of one step of sixteen.
  constexpr int kSteps = kColumns == 1 ? 2 : 1;
  const int lane = prim::Lane();
  const int first = share * g.depth_steps / g.depth_splits;
  const int end = (share + 1) * g.depth_steps / g.depth_splits;
  for (int step = first; step < end; step += kSteps) {
    std::uint32_t b[kColumns < 2 ? 2 : kColumns][2];
    TFRNN_UNROLL for (int pair = 0; 2 * pair < (kColumns < 2 ? 2 : kColumns); ++pair) {
      const int row = lane % 8 + (kColumns == 1 ? 0 : 16 * pair + lane / 16 * 8);
      int own = step + (kColumns == 1 ? lane / 16 : 0);
      if (own >= end) own = step;
      std::uint32_t words[4];
      prim::LoadMatrices(words,
                         operand + row * g.operand_stride + own * kStepBytes + lane / 8 % 2 * 16);
      b[2 * pair][0] = words[0], b[2 * pair][1] = words[1];
      b[2 * pair + 1][0] = words[2], b[2 * pair + 1][1] = words[3];
    }
    TFRNN_UNROLL for (int s = 0; s < kSteps; ++s) {
      if (step + s >= end) break;
      std::uint32_t a[kTiles][4], columns[kColumns][2];
      TFRNN_UNROLL for (int tile = 0; tile < kTiles; ++tile) {
        const Fragment f = weights[(tile * g.depth_steps + step + s) * 32];
        TFRNN_UNROLL for (int w = 0; w < 4; ++w) a[tile][w] = f.words[w];
      }
      TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
        columns[c][0] = b[s + c][0], columns[c][1] = b[s + c][1];
      }
      MultiplyAdd<T>(sum, a, columns, exact);
    }
  }
}

// Multiplies the block's weights with `operand` on the way forward, and leaves the sums of every
// share of the depth in shared memory; SyncBlock comes next.
template <typename T, int kTiles, int kColumns>
TFRNN_DEVICE void MultiplyForward(const Geometry& g, const unsigned char* operand, bool exact) {
  constexpr int kRows = 8 * kColumns;
  const Fragment* const fragments = reinterpret_cast<const Fragment*>(prim::SharedMemory());
  float* const sums = reinterpret_cast<float*>(prim::SharedMemory() + g.sums);
  const int lane = prim::Lane(), jobs = g.jobs * g.depth_splits;
  for (int job = prim::Thread() / 32; job < jobs; job += prim::Threads() / 32) {
    const int granule = job / g.depth_splits, share = job % g.depth_splits;
    float sum[kTiles][kColumns][4] = {};
    Accumulate<T>(g, fragments + granule * kTiles * g.depth_steps * 32 + lane, operand, share,
                  exact, sum);
    TFRNN_UNROLL for (int tile = 0; tile < kTiles; ++tile) {
      float* const to = sums + ((share * g.jobs + granule) * kTiles + tile) * kRows * kSumStride;
      TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
        TFRNN_UNROLL for (int i = 0; i < 4; ++i) {
          const int row = 8 * c + 2 * (lane % 4) + i % 2, unit = lane / 4 + 8 * (i / 2);
          to[row * kSumStride + unit] = sum[tile][c][i];
        }
      }
    }
  }
}

// One element of that product, after SyncBlock: its shares of the depth in order.
template <int kRows>
TFRNN_DEVICE float ProductAt(const Geometry& g, int tile, int row, int unit) {
  const float* from = reinterpret_cast<const float*>(prim::SharedMemory() + g.sums) +
                      (tile * kRows + row) * kSumStride + unit;
  float sum = 0;
  for (int share = 0; share < g.depth_splits; ++share) {
    sum += *from;
    from += g.tiles * kRows * kSumStride;
  }
  return sum;
}

// The same on the way back, but every warp gives away a tile's sums as it has them, in the order of
// the matrix instruction's result: give(tile, share of the depth, sums). The first is the
// job of tile `first`.
template <typename T, int kColumns, typename Give>
TFRNN_DEVICE void MultiplyBackward(const Geometry& g, const unsigned char* operand, bool exact,
                                   int first, const Give& give) {
  constexpr int kTiles = BackwardTiles(8 * kColumns);
  const Fragment* const fragments = reinterpret_cast<const Fragment*>(prim::SharedMemory());
  const int lane = prim::Lane(), jobs = g.jobs * g.depth_splits;
  for (int turn = prim::Thread() / 32; turn < jobs; turn += prim::Threads() / 32) {
    int job = first / kTiles + turn / g.depth_splits;
    if (job >= g.jobs) job -= g.jobs;
    const int share = turn % g.depth_splits;
    float sum[kTiles][kColumns][4] = {};
    Accumulate<T>(g, fragments + job * kTiles * g.depth_steps * 32 + lane, operand, share, exact,
                  sum);
    TFRNN_UNROLL for (int i = 0; i < kTiles; ++i) give(job * kTiles + i, share, sum[i]);
  }
}

}  // namespace tfrnn::cuda
