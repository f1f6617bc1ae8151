// What the general loops keep for the gradient. Without layer normalisation the panels are those
// of the plain loops, but hold the sums, not the activated gates; with it there are two, of the
// normalised shares of x·kernel and of h·recurrent_kernel. On the way back the gradients of the
// products take their place.
#pragma once

#include "csrc/cpu/layout.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename A>
struct GeneralReserve {
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  static constexpr int kScales = 1 + Cell::kPhases;  // of the input share, of each phase's

  A *inputs, *recurrents;   // panels; the same without layer normalisation
  A* states = nullptr;      // [S - 1, T * B, padded units]
  A* scales = nullptr;      // [T * B, kScales]: 1 / deviation, with layer normalisation only
  A* hidden = nullptr;      // [T * B, padded units]: what is projected
  A* dprojected = nullptr;  // [T * B, padded columns]: the gradient of what it is projected to
  std::size_t bytes;

  GeneralReserve(void* base, const RnnShape& s, const RnnOptions& o) {
    Arena arena(base);
    const Index steps = s.time * s.batch;
    inputs = recurrents = arena.Take<A>(L::PanelElements(s));
    states = arena.Take<A>((Cell::kStates - 1) * L::StateElements(s));
    if (o.layer_norm) {
      if (Cell::kRecurrent) recurrents = arena.Take<A>(L::PanelElements(s));
      scales = arena.Take<A>(steps * kScales);
    }
    if (s.projection > 0) {
      hidden = arena.Take<A>(L::StateElements(s));
      dprojected = arena.Take<A>(steps * L::PaddedColumns(s.projection));
    }
    bytes = arena.used();
  }
};

}  // namespace tfrnn::cpu::TFRNN_ISA
