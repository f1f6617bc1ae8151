// How the engine cuts a layer up: blocks of units, gates of a phase, panels of saved values.
//
// A block is as many units as fill four vectors of sums: one vector of units for a cell with
// three or four sums, four for SimpleRNN. Panel rows keep a block's saved values of one time and
// batch index together, [block][time * batch][kSaved][units of the block]; on the way back the
// gradients of the sums replace them, and the panel then is the packed operand of the weight
// gradients. The states other than h follow the panels, [kStates-1][time * batch][padded units].
// Private to one call: nothing here is ever stored.
#pragma once

#include "csrc/cells/functions.h"
#include "csrc/core/args.h"
#include "csrc/cpu/operand.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Element is what operands of products and panels are held in, see operand.h.
template <template <typename> class CellT, typename Element>
struct Layout {
  using E = Element;
  using A = ComputeType<E>;
  using Cell = CellT<Vec<A>>;
  static_assert(Cell::kSums <= 4 && Cell::kSaved >= Cell::kSums, "see cell.h");
  static constexpr int kUnitVecs = 4 / Cell::kSums;
  static constexpr int kBlock = kUnitVecs * kLanes<A>;  // units of a block
  static constexpr int kSumVecs = Cell::kSums * kUnitVecs;
  static constexpr int kRow = Cell::kSaved * kBlock;  // elements of a panel row
  static constexpr int kColumns = 4 * kLanes<A>;      // columns of a tile in PanelGemm

  static constexpr Index Blocks(Index units) { return CeilDiv(units, kBlock); }
  static constexpr Index Padded(Index units) { return Blocks(units) * kBlock; }
  // A matrix that PanelGemm writes: tiles of columns, and its width padded to whole ones.
  static constexpr Index Tiles(Index width) { return CeilDiv(width, kColumns); }
  static constexpr Index PaddedColumns(Index width) { return Tiles(width) * kColumns; }
  static constexpr Index PanelElements(const RnnShape& s) {
    return Blocks(s.units) * s.time * s.batch * kRow;
  }
  static constexpr Index StateElements(const RnnShape& s) {
    return s.time * s.batch * Padded(s.units);
  }
  static constexpr std::size_t ReserveBytes(const RnnShape& s) {
    return sizeof(E) *
           static_cast<std::size_t>(PanelElements(s) + (Cell::kStates - 1) * StateElements(s));
  }
};

// What a cell applies to its sums, as the plain loops save it.
template <typename E>
using SavingFunctions = std::conditional_t<kNarrow<E>, StandardOfSums<Vec<ComputeType<E>>>,
                                           Standard<Vec<ComputeType<E>>>>;

// The gates of one phase (all gates for kPhase = -1) and the sums they are added to.
template <typename Cell, int kPhase, bool kRecurrent>
struct GateSet {
  struct List {
    int count = 0, gate[4] = {}, sum[4] = {};
  };
  static constexpr List Make() {
    List list;
    for (int g = 0; g < Cell::kGates; ++g) {
      if (kPhase >= 0 && Cell::Phase(g) != kPhase) continue;
      if (kRecurrent && !Cell::kRecurrent) continue;
      list.gate[list.count] = g;
      list.sum[list.count++] = kRecurrent ? Cell::RecurrentSum(g) : Cell::InputSum(g);
    }
    return list;
  }
  static constexpr List kList = Make();
  static constexpr int kCount = kList.count;
};

// Where step t of the recurrence finds and puts its rows.
class Rows {
 public:
  constexpr Rows(const RnnShape& shape, const RnnOptions& options)
      : time_(shape.total > 0 ? shape.total : shape.time),
        batch_(shape.batch),
        first_(shape.first),
        output_time_(shape.local_outputs ? shape.time : time_),
        output_first_(shape.local_outputs ? 0 : shape.first),
        output_stride_(shape.OutputStride()),
        time_major_(shape.time_major),
        go_backwards_(options.go_backwards),
        reverse_outputs_(options.reverse_outputs) {}
  constexpr Index Output(Index t, Index b) const {
    const Index step = t + output_first_;
    return At(reverse_outputs_ ? output_time_ - 1 - step : step, b, output_time_);
  }
  // The offset of an output's elements.
  constexpr Index OutputAt(Index t, Index b) const { return Output(t, b) * output_stride_; }
  constexpr Index Input(Index t, Index b) const {
    return At(go_backwards_ ? time_ - 1 - (t + first_) : t + first_, b, time_);
  }
  // Whether an output comes before that of step t.
  constexpr bool HasOutputBefore(Index t) const { return t + output_first_ > 0; }
  // The index of a step in the whole sequence, as random numbers count them.
  constexpr Index Step(Index t, Index b) const { return (t + first_) * batch_ + b; }

 private:
  constexpr Index At(Index t, Index b, Index time) const {
    return time_major_ ? t * batch_ + b : b * time + t;
  }
  Index time_, batch_, first_, output_time_, output_first_, output_stride_;
  bool time_major_, go_backwards_, reverse_outputs_;
};

}  // namespace tfrnn::cpu::TFRNN_ISA
