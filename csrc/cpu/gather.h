// x·kernel + bias where inputs are numbers of rows of kernel: a table of sums, of which a step
// starts from a row. Nothing is multiplied. The table has a row for every row of kernel and one for
// none, or if that is more, one for every step. Sums come out as those of the product, bit by bit.
#pragma once

#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
class GatheredSums {
  using L = Layout<CellT, OperandType<T>>;
  using A = typename L::A;
  using Cell = typename L::Cell;

 public:
  static constexpr Index kRow = Cell::kSums * L::kBlock;

  // Takes memory if there are indices; Fill fills it.
  GatheredSums(const ForwardArgs<T>& a, Arena& arena)
      : at_(a.shape, a.options),
        indices_(a.indices),
        batch_(a.shape.batch),
        input_(a.shape.input),
        by_step_(a.shape.time * a.shape.batch <= input_),
        rows_(by_step_ ? a.shape.time * a.shape.batch : input_ + 1),
        sums_(a.indices == nullptr ? nullptr
                                   : arena.Take<A>(L::Blocks(a.shape.units) * rows_ * kRow)) {}

  explicit operator bool() const { return indices_ != nullptr; }
  // Elements from a row of a block to the same row of the next block.
  Index stride() const { return rows_ * kRow; }
  // The sums of block 0 that a step starts from.
  const A* Row(Index t, Index b) const {
    if (by_step_) return sums_ + (t * batch_ + b) * kRow;
    const Index index = indices_[at_.Input(t, b)];
    return sums_ + (index < 0 || index >= input_ ? input_ : index) * kRow;
  }

  // Unless the workspace holds the table of a call before. `bias` is that of PackBias, or absent.
  void Fill(const ForwardArgs<T>& a, const A* bias, const Pool& pool) const {
    if (indices_ == nullptr || (a.packed && !by_step_)) return;
    const Index blocks = L::Blocks(a.shape.units);
    const int shards = static_cast<int>(Max(1, Min(pool.threads, blocks)));
    ParallelFor(pool, shards, [&](int i) {
      const Range part = PartOf(blocks, i, shards);
      for (Index block = part.begin; block < part.end; ++block) FillBlock(a, bias, block);
    });
  }

 private:
  void FillBlock(const ForwardArgs<T>& a, const A* bias, Index block) const {
    const Index units = a.shape.units;
    const Index first = block * L::kBlock, count = Min(L::kBlock, units - first);
    A* to = sums_ + block * stride();
    for (Index row = 0; row < rows_; ++row, to += kRow) {
      for (Index i = 0; i < kRow; ++i) to[i] = bias == nullptr ? A(0) : bias[block * kRow + i];
      const Index index = by_step_ ? indices_[at_.Input(row / batch_, row % batch_)] : row;
      if (index < 0 || index >= input_) continue;
      for (int g = 0; g < Cell::kGates; ++g) {
        const T* const from = a.kernel + (index * Cell::kGates + g) * units + first;
        A* const sum = to + Cell::InputSum(g) * L::kBlock;
        for (Index u = 0; u < count; ++u) sum[u] += Load(from[u]);
      }
    }
  }

  const Rows at_;
  const std::int32_t* const indices_;
  const Index batch_, input_;
  const bool by_step_;
  const Index rows_;
  A* const sums_;
};

}  // namespace tfrnn::cpu::TFRNN_ISA
