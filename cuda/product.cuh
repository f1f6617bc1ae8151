// The recurrent product of a block: its weights, operand A, resident in registers and in shared
// memory, times the rows of the batch. See geometry.h for the layout, and for which weights they
// are.
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

// What a warp multiplies at once: a share of the depth of a job. The first `warps` turns are each
// warp's first, of which it holds `most` steps in registers.
struct Turn {
  int job, share;   // the job: counted from the first
  int begin, end;   // steps
  int held;         // the first so many of them
  std::int32_t at;  // where the others' fragments begin in shared memory, in steps

  TFRNN_DEVICE Turn(const Geometry& g, int turn, int warps, int most)
      : job(turn / g.depth_splits),
        share(turn % g.depth_splits),
        begin(share * g.depth_steps / g.depth_splits),
        end((share + 1) * g.depth_steps / g.depth_splits),
        held(turn < warps ? most : 0),
        at(job * g.depth_steps + begin - most * (turn < warps ? turn : warps)) {}
};

// A warp's share of the block's weights and their product with the rows of the batch. kTiles: of a
// job. kHeld: steps that there are registers for.
template <Pass kPass, typename T, int kTiles, int kColumns, int kHeld>
class Product {
 public:
  // On the way back the first job is that of tile `first`.
  TFRNN_DEVICE explicit Product(const Geometry& g, int first = 0) : g_(g), first_(first / kTiles) {}

  // Brings the weights to where they will be read; SyncBlock comes next.
  TFRNN_DEVICE void Load(const Weights<T>& weights) {
    const int count = g_.tiles * g_.depth_steps * 32;
    for (int i = prim::Thread(); i < count; i += prim::Threads()) {
      const int tile = i / 32 % kTiles, step = i / 32 / kTiles % g_.depth_steps;
      const int job = i / 32 / kTiles / g_.depth_steps;
      int at = job * g_.depth_steps + step;
      if constexpr (kHeld > 0) {
        // The part of the depth that has the step.
        const int share = ((step + 1) * g_.depth_splits - 1) / g_.depth_steps;
        const int number = job * g_.depth_splits + share;
        const Turn turn = TurnOf(number);
        if (step - turn.begin < turn.held) continue;
        at -= g_.held_steps * (number < Warps() ? number + 1 : Warps());
      }
      Fragments()[(at * kTiles + tile) * 32 + i % 32] =
          FragmentOf(weights, JobOf(job) * kTiles + tile, step);
    }
    if (kHeld == 0 || Warp() >= Turns()) return;
    const Turn turn = TurnOf(Warp());
    for (int n = 0; n < turn.held * kTiles; ++n) {
      Hold(n, FragmentOf(weights, JobOf(turn.job) * kTiles + n % kTiles, turn.begin + n / kTiles));
    }
  }

  // Calls give(job, share of the depth, sums) with the sums of every turn of the warp, in the order
  // of the matrix instruction's result.
  template <typename Give>
  TFRNN_DEVICE void Multiply(const unsigned char* operand, bool exact, const Give& give) const {
    for (int i = Warp(); i < Turns(); i += Warps()) {
      const Turn turn = TurnOf(i);
      float sum[kTiles][kColumns][4] = {};
      const int shared_begin = turn.begin + turn.held;
      TFRNN_UNROLL for (int step = 0; step < kHeld; step += kSteps) {
        if (step >= turn.held) break;
        Accumulate(operand, turn.begin + step, shared_begin, exact, sum,
                   [&](int s, std::uint32_t (&a)[kTiles][4]) { TakeHeld(step + s, a); });
      }
      const Fragment* shared = Fragments() + turn.at * kTiles * 32 + prim::Lane();
      for (int step = shared_begin; step < turn.end; step += kSteps) {
        Accumulate(operand, step, turn.end, exact, sum, [&](int s, std::uint32_t (&a)[kTiles][4]) {
          TFRNN_UNROLL for (int tile = 0; tile < kTiles; ++tile) {
            const Fragment f = shared[(s * kTiles + tile) * 32];
            TFRNN_UNROLL for (int w = 0; w < 4; ++w) a[tile][w] = f.words[w];
          }
        });
        shared += kSteps * kTiles * 32;
      }
      give(JobOf(turn.job), turn.share, sum);
    }
  }

 private:
  // ldmatrix brings the operand of two steps of eight rows, or of one step of sixteen.
  static constexpr int kSteps = kColumns == 1 ? 2 : 1;

  static TFRNN_DEVICE int Warp() { return prim::Thread() / 32; }
  static TFRNN_DEVICE int Warps() { return prim::Threads() / 32; }
  TFRNN_DEVICE int Turns() const { return g_.jobs * g_.depth_splits; }
  TFRNN_DEVICE Turn TurnOf(int i) const {
    return Turn(g_, i, Warps(), kHeld > 0 ? g_.held_steps : 0);
  }
  // Which job is the n-th.
  TFRNN_DEVICE int JobOf(int n) const {
    if (kPass == Pass::kForward) return n;
    const int job = first_ + n;
    return job < g_.jobs ? job : job - g_.jobs;
  }
  static TFRNN_DEVICE Fragment* Fragments() {
    return reinterpret_cast<Fragment*>(prim::SharedMemory());
  }

  TFRNN_DEVICE Fragment FragmentOf(const Weights<T>& weights, int tile, int step) const {
    constexpr int kPerWord = 4 / sizeof(T);
    const int lane = prim::Lane();
    Fragment fragment;
    TFRNN_UNROLL for (int word = 0; word < 4; ++word) {
      const int row = lane / 4 + 8 * (word % 2);
      const int depth = (8 * step + lane % 4 + 4 * (word / 2)) * kPerWord;
      std::uint32_t bits = 0;
      TFRNN_UNROLL for (int e = 0; e < kPerWord; ++e) {
        const T w = kPass == Pass::kForward ? weights.Forward(g_, tile, row, depth + e)
                                            : weights.Backward(g_, tile, row, depth + e);
        bits |= prim::Bits(w) << (16 * e);
      }
      fragment.words[word] = bits;
    }
    return fragment;
  }

  // held_[n] = fragment, but which register it is must be known when this is compiled.
  TFRNN_DEVICE void Hold(int n, const Fragment& fragment) {
    TFRNN_UNROLL for (int i = 0; i < kHeld * kTiles; ++i) {
      TFRNN_UNROLL for (int w = 0; w < 4; ++w) {
        if (i == n) held_[i].words[w] = fragment.words[w];
      }
    }
  }

  TFRNN_DEVICE void TakeHeld(int step, std::uint32_t (&a)[kTiles][4]) const {
    if (step >= kHeld) return;  // the second of two steps, beyond the last
    TFRNN_UNROLL for (int tile = 0; tile < kTiles; ++tile) {
      TFRNN_UNROLL for (int w = 0; w < 4; ++w) {
        a[tile][w] = prim::Opaque(held_[step * kTiles + tile].words[w]);
      }
    }
  }

  // Adds to the sums the products of kSteps steps from `step`, but none from `end` on, with the
  // rows of the batch in `operand`. take(s, a) brings the weights of step `step` + s.
  template <typename Take>
  TFRNN_DEVICE void Accumulate(const unsigned char* operand, int step, int end, bool exact,
                               float (&sum)[kTiles][kColumns][4], const Take& take) const {
    const int lane = prim::Lane();
    std::uint32_t b[kColumns < 2 ? 2 : kColumns][2];
    TFRNN_UNROLL for (int pair = 0; 2 * pair < (kColumns < 2 ? 2 : kColumns); ++pair) {
      const int row = lane % 8 + (kColumns == 1 ? 0 : 16 * pair + lane / 16 * 8);
      int own = step + (kColumns == 1 ? lane / 16 : 0);
      if (own >= end) own = step;
      std::uint32_t words[4];
      prim::LoadMatrices(words,
                         operand + row * g_.operand_stride + own * kStepBytes + lane / 8 % 2 * 16);
      b[2 * pair][0] = words[0], b[2 * pair][1] = words[1];
      b[2 * pair + 1][0] = words[2], b[2 * pair + 1][1] = words[3];
    }
    TFRNN_UNROLL for (int s = 0; s < kSteps; ++s) {
      if (step + s >= end) break;
      std::uint32_t a[kTiles][4], columns[kColumns][2];
      take(s, a);
      TFRNN_UNROLL for (int c = 0; c < kColumns; ++c) {
        columns[c][0] = b[s + c][0], columns[c][1] = b[s + c][1];
      }
      MultiplyAdd<T>(sum, a, columns, exact);
    }
  }

  const Geometry& g_;
  const int first_;
  Fragment held_[kHeld > 0 ? kHeld * kTiles : 1] = {};
};

// Leaves the sums of a turn on the way forward in shared memory; SyncBlock comes next.
template <int kTiles, int kColumns>
TFRNN_DEVICE void KeepSums(const Geometry& g, int granule, int share,
                           const float (&sum)[kTiles][kColumns][4]) {
  constexpr int kRows = 8 * kColumns;
  float* const sums = reinterpret_cast<float*>(prim::SharedMemory() + g.sums);
  const int lane = prim::Lane();
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

}  // namespace tfrnn::cuda
