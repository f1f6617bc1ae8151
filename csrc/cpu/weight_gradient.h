// dkernel, drecurrent_kernel and dbias: products over all times of what was multiplied with a
// weight and the gradient of the sum it went to. The panels are the packed second operand; the
// first is packed here, transposed, with a row of ones below it whose product is dbias. Every
// thread has rows of the result of its own; the sum over time is never split, and goes from the
// last step to the first, as segments of a sequence do.
#pragma once

#include "csrc/cpu/dropout.h"
#include "csrc/cpu/general/projection_gradient.h"
#include "csrc/cpu/general/random.h"
#include "csrc/cpu/general/reserve.h"

namespace tfrnn::cpu::TFRNN_ISA {

constexpr Index kGradientDepth = 512;  // times packed at once: their panel stays in the L2 cache
constexpr Index kStageRows = 16;       // times transposed at once

// What a segment of the gradients multiplies the panels with.
enum class Factor { kInput, kState, kOperand };

// The gradient of one matrix of weights: `Gates` of the cell, `depth` rows and one of ones.
template <template <typename> class CellT, typename T, Factor kFactor, typename Gates>
class GradientSegment {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Cell = typename L::Cell;
  using InPanel = PanelColumns<CellT, E, Gates>;
  using Joined = GatheredColumns<CellT, E, Gates>;
  using Columns = std::conditional_t<kNarrow<E>, Joined, InPanel>;
  static constexpr Index kWidth = Columns::kVecs * kLanes<A>;

 public:
  GradientSegment(const WeightGradientArgs<T>& a, int shards, Arena& arena)
      : a_(a),
        at_(a.shape, a.options),
        shards_(shards),
        depth_(kFactor == Factor::kInput   ? a.shape.input
               : kFactor == Factor::kState ? a.shape.Hidden()
                                           : a.shape.units),
        tiles_(CeilDiv(depth_ + 1, kTileRows)),
        shard_rows_(CeilDiv(tiles_, shards) * kTileRows),
        factors_{kFactor == Factor::kInput ? a.input_dropout : a.recurrent_dropout, a.shape.batch,
                 depth_},
        values_(factors_ ? Gates::kCount : 1),
        dsums_(Panels(a)),
        result_(arena.Take<A>(L::Blocks(a.shape.units) * (depth_ + 1) * kWidth)),
        packed_(Gathers() ? nullptr
                          : arena.Take<Scalar<E>>(shards * shard_rows_ *
                                                  Products<E>(kGradientDepth) * values_)),
        stage_(Gathers() ? nullptr : arena.Take<E>(shards * shard_rows_ * kStageRows * values_)),
        joined_(kNarrow<E> && !Gathers()
                    ? arena.Take<Scalar<E>>(shards * Products<E>(kGradientDepth) * kWidth)
                    : nullptr),
        random_(Drops() ? arena.Take<A>(shards * shard_rows_) : nullptr) {}

  // Sums up the rows of the result that fall to `shard`.
  void Run(int shard, const Steps& steps) const {
    if (Gathers()) return Scatter(PartOf(L::Blocks(a_.shape.units), shard, shards_), steps);
    factors_ ? Sum<Gates::kCount>(shard, steps) : Sum<1>(shard, steps);
  }

 private:
  static const E* Panels(const WeightGradientArgs<T>& a) {
    const GeneralReserve<CellT, E> panels(const_cast<void*>(a.dgates), a.shape, a.options);
    return kFactor == Factor::kInput ? panels.inputs : panels.recurrents;
  }
  bool Gathers() const { return kFactor == Factor::kInput && a_.indices != nullptr; }
  bool Drops() const { return kFactor != Factor::kInput && DropsSteps(a_.options); }

  // Where the factor is 1 in one row and 0 elsewhere: every step's gradients to the row it names,
  // and to that of ones.
  TFRNN_NOINLINE void Scatter(Range blocks, const Steps& steps) const {
    const Index batch = a_.shape.batch, height = depth_ + 1;
    for (Index block = blocks.begin; block < blocks.end; ++block) {
      A* const result = result_ + block * height * kWidth;
      for (Index i = 0; i < height * kWidth && !a_.continues; ++i) result[i] = A(0);
      const E* const panels = dsums_ + block * a_.shape.time * batch * L::kRow;
      for (Index k = steps.count() - 1; k >= 0; --k) {
        const Index step = steps[k];
        const Index index = a_.indices[at_.Input(step / batch, step % batch)];
        const E* const panel = panels + step * L::kRow;
        AddPanel(panel, result + depth_ * kWidth);
        if (index >= 0 && index < depth_) AddPanel(panel, result + index * kWidth);
      }
    }
    Write({0, height}, blocks);
  }
  TFRNN_INLINE void AddPanel(const E* panel, A* to) const {
    for (int j = 0; j < Columns::kVecs; ++j, to += kLanes<A>) {
      StoreVec(to, LoadVec(to) + LoadVec(panel + InPanel::Offset(j) * kLanes<A>));
    }
  }

  // With kValues > 1 the factor has a value of its own for each gate.
  template <int kValues>
  void Sum(int shard, const Steps& steps) const {
    const Range tiles = PartOf(tiles_, shard, shards_);
    const Range rows{tiles.begin * kTileRows, Min(tiles.end * kTileRows, depth_ + 1)};
    if (rows.begin >= rows.end) return;
    Scalar<E>* const packed = packed_ + shard * shard_rows_ * Products<E>(kGradientDepth) * kValues;
    Index first = 0;
    do {  // once even if there is no step: the gradient is zero then
      const Index count = Min(kGradientDepth, steps.count() - first);
      for (Index k = 0; k < count; k += kStageRows) {
        Pack<kValues>(rows, first + k, Min(kStageRows, count - k), steps,
                      stage_ + shard * shard_rows_ * kStageRows * kValues,
                      random_ + (Drops() ? shard * shard_rows_ : 0), packed, k);
      }
      const Index last = steps.count() - 1 - first;  // of the steps, which come last first
      if constexpr (kNarrow<E>) {
        Scalar<E>* const joined = joined_ + shard * Products<E>(kGradientDepth) * kWidth;
        Multiply<kValues, EveryRow<E, Joined::kStride>>(
            rows, first, count, packed, [&](const E* panel) {
              Join(panel, steps, last, count, joined);
              return EveryRow<E, Joined::kStride>{reinterpret_cast<const E*>(joined)};
            });
      } else if (steps.listed() == nullptr) {
        Multiply<kValues, EveryRow<E, -L::kRow>>(rows, first, count, packed, [&](const E* panel) {
          return EveryRow<E, -L::kRow>{panel + last * L::kRow};
        });
      } else {
        Multiply<kValues, ListedRows<E, L::kRow>>(rows, first, count, packed, [&](const E* panel) {
          return ListedRows<E, L::kRow>{panel, steps.listed() + last};
        });
      }
      first += count;
    } while (first < steps.count());
    Write(rows, {0, L::Blocks(a_.shape.units)});
  }

  // The `count` active steps from the `first` on, last first, of the factor's columns `rows`, to
  // packed[tile][step][row][value], from its step `at_step` on.
  template <int kValues>
  TFRNN_NOINLINE void Pack(Range rows, Index first, Index count, const Steps& steps, E* stage,
                           A* random, Scalar<E>* packed, Index at_step) const {
    const Index height = rows.end - rows.begin, width = height * kValues;
    for (Index k = 0; k < count; ++k) {
      const Index step = steps[steps.count() - 1 - (first + k)];
      Stage(rows, step, steps, stage + k * width);
      if constexpr (!kNarrow<E>) {  // else the general loops are another instruction set's
        if (a_.state_dropout != nullptr && kFactor == Factor::kState) {
          DropState(rows, step, stage + k * width);
        }
        if (Drops()) DropStep(rows, step, random, stage + k * width);
      }
    }
    ForTiles(height, [&](Index row, auto tile) {
      constexpr int kCount = decltype(tile)::value * kValues;
      Scalar<E>* to =
          packed + row * Products<E>(kGradientDepth) * kValues + at_step / kDepth<E> * kCount;
      for (Index k = 0; k < count; k += kDepth<E>, to += kCount) {
        const E* const from = stage + k * width + row * kValues;
        if constexpr (kNarrow<E>) {
          JoinRows(k + 1 < count ? from + width : nullptr, from, kCount, to);
        } else {
          __builtin_memcpy(to, from, sizeof(E) * kCount);
        }
      }
    });
  }

  // A panel's rows of `count` steps, back from the `last`, as rows of pairs of what `Gates` have.
  // As in Pack, the step that is summed up first is the odd one of a pair: bits do not depend on
  // where the pairs begin.
  TFRNN_NOINLINE void Join(const E* panel, const Steps& steps, Index last, Index count,
                           Scalar<E>* to) const {
    for (Index k = 0; k < count; k += 2) {
      const E* const odd = panel + steps[last - k] * L::kRow;
      const E* const even = k + 1 < count ? panel + steps[last - k - 1] * L::kRow : nullptr;
      for (int j = 0; j < InPanel::kVecs; ++j, to += kLanes<A>) {
        const Index at = InPanel::Offset(j) * kLanes<A>;
        JoinRows(even == nullptr ? even : even + at, odd + at, kLanes<A>, to);
      }
    }
  }

  void Stage(Range rows, Index step, const Steps& steps, E* to) const {
    const RnnShape& s = a_.shape;
    const Index t = step / s.batch, b = step % s.batch;
    const Index end = Min(rows.end, depth_);
    if constexpr (kFactor == Factor::kOperand) {
      for (Index m = rows.begin, until = 0; m < end; m = until) {
        const Index block = m / L::kBlock;
        until = Min((block + 1) * L::kBlock, end);
        const E* const from = dsums_ + (block * s.time * s.batch + step) * L::kRow +
                              (Cell::kOperand - block) * L::kBlock;
        E* const piece = to + (m - rows.begin) * values_;
        if (factors_) {
          DropRow<Gates>(from, {m, until}, factors_, b, piece);
        } else {
          LoadRow(from + m, until - m, piece);
        }
      }
    } else {
      const T* from;
      if constexpr (kFactor == Factor::kInput) {
        from = a_.x + at_.Input(t, b) * depth_;
      } else {
        const Index last = steps.Previous(t, b);
        from = last < 0 ? a_.initial_h + b * depth_ : a_.outputs + at_.OutputAt(last, b);
      }
      if (factors_) {
        DropRow<Gates>(from, {rows.begin, end}, factors_, b, to);
      } else {
        LoadRow(from + rows.begin, end - rows.begin, to);
      }
    }
    if (rows.end > depth_) {
      for (int g = 0; g < values_; ++g) Store(A(1), to + (depth_ - rows.begin) * values_ + g);
    }
  }

  // Times the factors of the state that the step starts from.
  void DropState(Range rows, Index step, A* to) const {
    const Range columns{rows.begin, Min(rows.end, depth_)};
    const Index batch = a_.shape.batch;
    const T* const factors = a_.state_dropout + at_.Step(step / batch, step % batch) * depth_;
    for (Index m = columns.begin; m < columns.end; ++m) {
      for (int g = 0; g < values_; ++g) to[(m - rows.begin) * values_ + g] *= Load(factors[m]);
    }
  }

  // Times the factors that the step has drawn.
  void DropStep(Range rows, Index step, A* factors, A* to) const {
    const Range columns{rows.begin, Min(rows.end, depth_)};
    const Index batch = a_.shape.batch;
    StepDropoutRow(a_.options, at_.Step(step / batch, step % batch), depth_, columns, factors);
    for (Index m = 0; m < columns.end - columns.begin; ++m) {
      for (int g = 0; g < values_; ++g) to[m * values_ + g] *= factors[m];
    }
  }

  // result rows (+)= packed · panel rows of as many steps; `find` finds them in a block's panel.
  // Blocks of few columns go side by side, as many as fill a tile.
  template <int kValues, typename Right, typename FindRows>
  TFRNN_NOINLINE void Multiply(Range rows, Index first, Index count, const Scalar<E>* packed,
                               const FindRows& find) const {
    constexpr int kTogether = kNarrow<E> ? 1 : Max(4 / Columns::kVecs, 1);
    const Index blocks = L::Blocks(a_.shape.units), steps = a_.shape.time * a_.shape.batch;
    Index block = 0;
    const auto multiply = [&](auto together) {
      constexpr int kBlocks = decltype(together)::value;
      for (; block + kBlocks <= blocks; block += kBlocks) {
        const Right right = find(dsums_ + block * steps * L::kRow);
        MultiplyBlocks<kValues, kBlocks>(rows, first, count, packed, block,
                                         SideBySide<Columns, Right>{right, steps * L::kRow});
      }
    };
    if constexpr (kTogether > 1) multiply(RowCount<kTogether>());
    multiply(RowCount<1>());
  }

  template <int kValues, int kBlocks, typename Right>
  TFRNN_INLINE void MultiplyBlocks(Range rows, Index first, Index count, const Scalar<E>* packed,
                                   Index block, const Right& right) const {
    using Own = RepeatedColumns<Columns, kBlocks>;
    const Index result_of_block = (depth_ + 1) * kWidth;
    A* const result = result_ + block * result_of_block + rows.begin * kWidth;
    const auto at = [=](int i, int j) {
      return j / Columns::kVecs * result_of_block + i * kWidth + j % Columns::kVecs * kLanes<A>;
    };
    ForTiles(rows.end - rows.begin, [&](Index row, auto tile) {
      constexpr int kRows = decltype(tile)::value;
      Vec<A> acc[kRows][Own::kVecs];
      A* const to = result + row * kWidth;
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < Own::kVecs; ++j) {
          acc[i][j] = first > 0 || a_.continues ? LoadVec(to + at(i, j)) : Vec<A>{};
        }
      }
      const PackedRows<E, kRows, kValues> factor{packed +
                                                 row * Products<E>(kGradientDepth) * kValues};
      Accumulate<Own, kRows, E>(acc, factor, right, Products<E>(count));
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < Own::kVecs; ++j) StoreVec(to + at(i, j), acc[i][j]);
      }
    });
  }

  void Write(Range rows, Range blocks) const {
    constexpr int kBiasRow = kFactor == Factor::kInput ? 0 : 1;
    const Index units = a_.shape.units;
    T* const dweights = kFactor == Factor::kInput ? a_.dkernel : a_.drecurrent_kernel;
    for (Index m = rows.begin; m < rows.end; ++m) {
      T* to = dweights + m * Cell::kGates * units;
      if (m == depth_) {
        if (a_.dbias == nullptr || kBiasRow >= Cell::kBiases) continue;
        to = a_.dbias + kBiasRow * Cell::kGates * units;
      }
      for (Index block = blocks.begin; block < blocks.end; ++block) {
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
  const Factors<T> factors_;
  const int values_;  // of the factor for each row and step
  const E* const dsums_;
  A* const result_;
  Scalar<E>* const packed_;
  E* const stage_;
  Scalar<E>* const joined_;  // [shards, kGradientDepth / 2, kWidth], with pairs only
  A* const random_;          // [shards, shard rows], with step dropout only
};

// In the place of a segment that a cell lacks.
struct NoSegment {
  template <typename Args>
  NoSegment(const Args&, int, Arena&) {}
  void Run(int, const Steps&) const {}
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
  using L = Layout<CellT, OperandType<T>>;
  using A = typename L::A;
  using Cell = typename L::Cell;
  using State = GradientSegment<CellT, T, Factor::kState, GateSet<Cell, 0, true>>;
  using Operand = GradientSegment<CellT, T, Factor::kOperand, GateSet<Cell, 1, true>>;

  int shards;
  GradientSegment<CellT, T, Factor::kInput, GateSet<Cell, -1, false>> input;
  typename SegmentIf<Cell::kRecurrent, State>::type state;
  typename SegmentIf<Cell::kPhases == 2, Operand>::type operand;
  A* projection;  // [U, padded columns of H]
  Steps steps;    // last: what stands before it has the same place for segments of any length

  WeightGradientSpace(const WeightGradientArgs<T>& a, const Pool& pool, Arena& arena)
      : shards(static_cast<int>(Max(1, pool.threads))),
        input(a, shards, arena),
        state(a, shards, arena),
        operand(a, shards, arena),
        projection(a.dprojection == nullptr
                       ? nullptr
                       : arena.Take<A>(a.shape.units * L::PaddedColumns(a.shape.projection))),
        steps(a.shape, a.options, a.mask, arena) {}
};

template <template <typename> class CellT, typename T>
void WeightGradient(const WeightGradientArgs<T>& a, const Pool& pool) {
  using Space = WeightGradientSpace<CellT, T>;
  Arena arena(a.workspace);
  Space space(a, pool, arena);
  space.steps.Fill();
  ParallelFor(pool, space.shards, [&](int i) {
    space.input.Run(i, space.steps);
    space.state.Run(i, space.steps);
    space.operand.Run(i, space.steps);
    if constexpr (!kNarrow<OperandType<T>>) {
      if (a.dprojection != nullptr) {
        ProjectionGradient<CellT, T>(a, space.steps, i, space.shards, space.projection);
      }
    }
  });
}

template <template <typename> class CellT, typename T>
std::size_t WeightGradientWorkspace(const WeightGradientArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  WeightGradientSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
