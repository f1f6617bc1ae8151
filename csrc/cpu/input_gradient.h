// dx = gradients of the sums · kernel^T, for all times at once.
#pragma once

#include "csrc/cpu/in_place.h"
#include "csrc/cpu/panel_gemm.h"
#include "csrc/cpu/steps.h"

namespace tfrnn::cpu::TFRNN_ISA {

// Rows of one PanelGemm: their results and a piece of packed weights share the L2 cache.
constexpr Index kInputGradientRows = 96;

template <template <typename> class CellT, typename T>
struct InputGradientSpace {
  using E = OperandType<T>;
  using L = Layout<CellT, E>;
  using A = typename L::A;
  using Gates = GateSet<typename L::Cell, -1, false>;

  int shards;
  Steps steps;
  Index columns;
  bool in_place;  // see in_place.h
  E* kernel = nullptr;
  A* results;                       // [shards, kInputGradientRows, columns]
  const E** panels;                 // [shards, kInputGradientRows]
  A** out;                          // [shards, kInputGradientRows]
  A* factors = nullptr;             // [G, B, columns], with dropout only
  const A** factor_rows = nullptr;  // [shards, kInputGradientRows], likewise

  InputGradientSpace(const InputGradientArgs<T>& a, const Pool& pool, Arena& arena)
      : steps(a.shape, a.options, a.mask, arena) {
    const RnnShape& s = a.shape;
    shards = static_cast<int>(Max(1, Min(pool.threads, CeilDiv(s.time * s.batch, kTileRows))));
    columns = L::PaddedColumns(s.input);
    in_place = InPlace<T, L>(s) && a.input_dropout == nullptr;
    if (!in_place) kernel = arena.Take<E>(TransposedElements<L, Gates>(s.input, s.units));
    results = arena.Take<A>(shards * kInputGradientRows * columns);
    panels = arena.Take<const E*>(shards * kInputGradientRows);
    out = arena.Take<A*>(shards * kInputGradientRows);
    if (a.input_dropout != nullptr) {
      factors = arena.Take<A>(L::Cell::kGates * s.batch * columns);
      factor_rows = arena.Take<const A*>(shards * kInputGradientRows);
    }
  }
};

template <template <typename> class CellT, typename T>
void InputGradient(const InputGradientArgs<T>& a, const Pool& pool) {
  using Space = InputGradientSpace<CellT, T>;
  using A = typename Space::A;
  using E = typename Space::E;
  using L = typename Space::L;
  const RnnShape& s = a.shape;
  const Index all = s.time * s.batch;
  if (all == 0 || s.input == 0) return;
  Arena arena(a.workspace);
  Space space(a, pool, arena);
  space.steps.Fill();
  const Rows at(s, a.options);
  const E* const dsums = static_cast<const E*>(a.dgates);
  if (!a.packed && !space.in_place) {
    PackAllTransposed<L, typename Space::Gates>(a.kernel, s.input, s.units, space.kernel, pool);
  }
  if (space.factors != nullptr) {
    PadFactors<L>(a.input_dropout, s.batch, s.input, space.factors);
  }
  for (Index step = 0; step < all && a.mask != nullptr; ++step) {  // masked rows have no gradient
    const Index t = step / s.batch, b = step % s.batch;
    if (space.steps.Active(t, b)) continue;
    T* const to = a.dx + at.Input(t, b) * s.input;
    for (Index c = 0; c < s.input; ++c) Store(A(0), to + c);
  }
  ParallelFor(pool, space.shards, [&](int i) {
    const Range part = PartOf(space.steps.count(), i, space.shards);
    const E** const panels = space.panels + i * kInputGradientRows;
    A** const out = space.out + i * kInputGradientRows;
    for (Index first = part.begin; first < part.end; first += kInputGradientRows) {
      const Index count = Min(kInputGradientRows, part.end - first);
      for (Index r = 0; r < count; ++r) {
        panels[r] = dsums + space.steps[first + r] * L::kRow;
        out[r] = space.results + (i * kInputGradientRows + r) * space.columns;
      }
      const Range tiles{0, L::Tiles(s.input)};
      if (space.factors != nullptr) {
        const A** const factors = space.factor_rows + i * kInputGradientRows;
        for (Index r = 0; r < count; ++r) {
          factors[r] = space.factors + space.steps[first + r] % s.batch * space.columns;
        }
        DroppedPanelGemm<CellT, E, typename Space::Gates>(
            space.kernel, tiles, s.units, all * L::kRow, panels, factors, s.batch * space.columns,
            out, count, /*add=*/false);
      } else if (space.in_place) {
        if constexpr (std::is_same_v<T, A>) {
          TransposedInPlace<L, typename Space::Gates>(a.kernel, {0, s.input}, s.units,
                                                      all * L::kRow, panels, out, count,
                                                      /*add=*/false);
        }
      } else {
        PanelGemm<CellT, E, typename Space::Gates>(space.kernel, tiles, s.input, s.units,
                                                   all * L::kRow, panels, out, count,
                                                   /*add=*/false);
      }
      for (Index r = 0; r < count; ++r) {
        const Index t = space.steps[first + r] / s.batch, b = space.steps[first + r] % s.batch;
        StoreRow(out[r], s.input, a.dx + at.Input(t, b) * s.input);
      }
    }
  });
}

template <template <typename> class CellT, typename T>
std::size_t InputGradientWorkspace(const InputGradientArgs<T>& a, const Pool& pool) {
  Arena arena(nullptr);
  InputGradientSpace<CellT, T>(a, pool, arena);
  return arena.used();
}

}  // namespace tfrnn::cpu::TFRNN_ISA
