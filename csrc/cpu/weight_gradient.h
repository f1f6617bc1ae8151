// dkernel, drecurrent_kernel and dbias: products over all times of what was multiplied with a
// weight and the gradient of the sum it went to. The panels are the packed second operand; the
// first is packed here, transposed, with a row of ones below it whose product is dbias. Every
// thread has rows of the result of its own; the sum over time is never split.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

constexpr Index kGradientDepth = 512;  // times packed at once: their panel stays in the L2 cache
constexpr Index kStageRows = 16;       // times transposed at once

// What a segment of the gradients multiplies the panels with.
enum class Factor { kInput, kState, kOperand };

// The gradient of one matrix of weights: `Gates` of the cell, `depth` rows and one of ones.
template <template <typename> class CellT, typename T, Factor kFactor, typename Gates>
class GradientSegment {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  using Columns = PanelColumns<CellT, A, Gates>;
  static constexpr Index kWidth = Columns::kVecs * kLanes<A>;

 public:
  GradientSegment(const WeightGradientArgs<T>& a, int shards, Arena& arena)
      : a_(a),
        at_(a.shape, a.options),
        shards_(shards),
        depth_(kFactor == Factor::kInput ? a.shape.input : a.shape.units),
        tiles_(CeilDiv(depth_ + 1, kTileRows)),
        shard_rows_(CeilDiv(tiles_, shards) * kTileRows),
        dsums_(static_cast<const A*>(a.dgates)),
        result_(arena.Take<A>(L::Blocks(a.shape.units) * (depth_ + 1) * kWidth)),
        packed_(arena.Take<A>(shards * shard_rows_ * kGradientDepth)),
        stage_(arena.Take<A>(shards * shard_rows_ * kStageRows)) {}

  // Sums up the rows of the result that fall to `shard`.
  void Run(int shard, const PreviousStep& previous) const {
    const Range tiles = PartOf(tiles_, shard, shards_);
    const Range rows{tiles.begin * kTileRows, Min(tiles.end * kTileRows, depth_ + 1)};
    if (rows.begin >= rows.end) return;
    const Index steps = a_.shape.time * a_.shape.batch;
    A* const packed = packed_ + shard * shard_rows_ * kGradientDepth;
    Index first = 0;
    do {  // once even if there is no step: the gradient is zero then
      const Index count = Min(kGradientDepth, steps - first);
      for (Index step = 0; step < count; step += kStageRows) {
        Pack(rows, first + step, Min(kStageRows, count - step), previous,
             stage_ + shard * shard_rows_ * kStageRows, packed, step);
      }
      Multiply(rows, first, count, packed);
      first += count;
    } while (first < steps);
    Write(rows);
  }

 private:
  // Times [first, first + count) of the factor's columns `rows` to packed[tile][time][row].
  TFRNN_NOINLINE void Pack(Range rows, Index first, Index count, const PreviousStep& previous,
                           A* stage, A* packed, Index at_step) const {
    const Index height = rows.end - rows.begin;
    for (Index k = 0; k < count; ++k) Stage(rows, first + k, previous, stage + k * height);
    ForTiles(height, [&](Index row, auto tile) {
      constexpr int kRows = decltype(tile)::value;
      A* to = packed + row * kGradientDepth + at_step * kRows;
      for (Index k = 0; k < count; ++k, to += kRows) {
        for (int i = 0; i < kRows; ++i) to[i] = stage[k * height + row + i];
      }
    });
  }

  void Stage(Range rows, Index step, const PreviousStep& previous, A* to) const {
    const RnnShape& s = a_.shape;
    const Index t = step / s.batch, b = step % s.batch;
    const Index end = Min(rows.end, depth_);
    if (!previous.Active(t, b)) {  // its x may be anything, NaN too
      for (Index m = rows.begin; m < rows.end; ++m) *to++ = A(0);
      return;
    }
    if constexpr (kFactor == Factor::kOperand) {
      for (Index m = rows.begin; m < end; ++m) {
        const Index block = m / L::kBlock, unit = m % L::kBlock;
        to[m - rows.begin] =
            dsums_[(block * s.time * s.batch + step) * L::kRow + Cell::kOperand * L::kBlock + unit];
      }
    } else {
      const T* from;
      if constexpr (kFactor == Factor::kInput) {
        from = a_.x + at_.Input(t, b) * depth_;
      } else {
        const Index last = previous(t, b);
        from = last < 0 ? a_.initial_h + b * depth_ : a_.outputs + at_.Output(last, b) * depth_;
      }
      LoadRow(from + rows.begin, end - rows.begin, to);
    }
    if (rows.end > depth_) to[depth_ - rows.begin] = A(1);
  }

  // result rows (+)= packed · panels of times [first, first + count).
  TFRNN_NOINLINE void Multiply(Range rows, Index first, Index count, const A* packed) const {
    const Index steps = a_.shape.time * a_.shape.batch;
    for (Index block = 0; block < L::Blocks(a_.shape.units); ++block) {
      const A* const panel = dsums_ + (block * steps + first) * L::kRow;
      A* const result = result_ + (block * (depth_ + 1) + rows.begin) * kWidth;
      ForTiles(rows.end - rows.begin, [&](Index row, auto tile) {
        constexpr int kRows = decltype(tile)::value;
        Vec<A> acc[kRows][Columns::kVecs];
        A* const to = result + row * kWidth;
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int j = 0; j < Columns::kVecs; ++j) {
            acc[i][j] = first > 0 ? LoadVec(to + i * kWidth + j * kLanes<A>) : Vec<A>{};
          }
        }
        const PackedRows<A, kRows> factor{packed + row * kGradientDepth};
        Accumulate<Columns, kRows>(acc, factor, panel, count);
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int j = 0; j < Columns::kVecs; ++j) {
            StoreVec(to + i * kWidth + j * kLanes<A>, acc[i][j]);
          }
        }
      });
    }
  }

  void Write(Range rows) const {
    constexpr int kBiasRow = kFactor == Factor::kInput ? 0 : 1;
    const Index units = a_.shape.units;
    T* const dweights = kFactor == Factor::kInput ? a_.dkernel : a_.drecurrent_kernel;
    for (Index m = rows.begin; m < rows.end; ++m) {
      T* to = dweights + m * Cell::kGates * units;
      if (m == depth_) {
        if (a_.dbias == nullptr || kBiasRow >= Cell::kBiases) continue;
        to = a_.dbias + kBiasRow * Cell::kGates * units;
      }
      for (Index block = 0; block < L::Blocks(units); ++block) {
        const A* const from = result_ + (block * (depth_ + 1) + m) * kWidth;
        const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
        for (int g = 0; g < Gates::kCount; ++g) {
          StoreRow(from + g * L::kBlock, count, to + Gates::kList.gate[g] * units + first);
        }
      }
    }
  }

  const WeightGradientArgs<T>& a_;
  const Rows at_;
  const int shards_;
  const Index depth_, tiles_, shard_rows_;
  const A* const dsums_;
  A* const result_;
  A* const packed_;
  A* const stage_;
};

// In the place of the second phase's segment of a cell with one phase.
struct NoSegment {
  template <typename Args>
  NoSegment(const Args&, int, Arena&) {}
  void Run(int, const PreviousStep&) const {}
};
template <bool kPresent, typename Segment>
struct SegmentIf {
  using type = Segment;
};
template <typename Segment>
struct SegmentIf<false, Segment> {
  using type = NoSegment;
};

template <template <typename> class CellT, typename T>
struct WeightGradientSpace {
  using Cell = typename Layout<CellT, ComputeType<T>>::Cell;
  using Operand = GradientSegment<CellT, T, Factor::kOperand, GateSet<Cell, 1, true>>;

  int shards;
  std::int32_t* previous;
  GradientSegment<CellT, T, Factor::kInput, GateSet<Cell, -1, false>> input;
  GradientSegment<CellT, T, Factor::kState, GateSet<Cell, 0, true>> state;
  typename SegmentIf<Cell::kPhases == 2, Operand>::type operand;

  WeightGradientSpace(const WeightGradientArgs<T>& a, const Pool& pool, Arena& arena)
      : shards(static_cast<int>(Max(1, pool.threads))),
        previous(arena.Take<std::int32_t>(PreviousStep::Elements(a.shape, a.mask))),
        input(a, shards, arena),
        state(a, shards, arena),
        operand(a, shards, arena) {}
};

template <template <typename> class CellT, typename T>
void WeightGradient(const WeightGradientArgs<T>& a, const Pool& pool) {
  using Space = WeightGradientSpace<CellT, T>;
  Arena arena(a.workspace);
  const Space space(a, pool, arena);
  PreviousStep previous(space.previous, Rows(a.shape, a.options), a.mask);
  previous.Fill({0, a.shape.batch});
  ParallelFor(pool, space.shards, [&](int i) {
    space.input.Run(i, previous);
    space.state.Run(i, previous);
    space.operand.Run(i, previous);
  });
}

template <template <typename> class CellT, typename T>
std::size_t WeightGradientWorkspace(const WeightGradientArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  WeightGradientSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
