// The workspace of general/backward.h, and the sums over the batch at its end.
#pragma once

#include "csrc/cpu/general/parameters.h"
#include "csrc/cpu/general/reserve.h"
#include "csrc/cpu/split.h"
#include "csrc/cpu/steps.h"

namespace tfrnn::cpu::TFRNN_ISA {

// What a step reads and writes of one batch row: pointers into its own part of the workspace,
// where all rows have room for padded columns, and into the reserve space.
template <typename A>
struct GeneralBackwardRow {
  Index step = 0;
  const A *h = nullptr, *operand = nullptr;  // h before the step; as the cell sees it
  const A* state = nullptr;                  // the second state before the step
  A *initial_h, *staged_h, *dropped_h, *initial_state;
  A *dh, *dnew, *dpast, *dcell, *dhidden;  // gradients of h: after the step, of what zoneout let
                                           // in, of what it passed by, of what the cell passes by
  A *dstate, *dstate_past, *normal, *z, *factors, *repeated;
  const A* gate_factors;  // of the first gate, see DroppedPanelGemm
  const A* saved = nullptr;
  A* dsums = nullptr;
  Index saved_stride = 0, dsums_stride = 0;
  A *saved_buffer, *dsums_buffer;  // with layer normalisation only
  A *dvectors, *dgain[2], *doffset[2], *dstate_gain, *dstate_offset;
};

template <template <typename> class CellT, typename T>
struct GeneralBackwardSpace {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;

  static constexpr int kBuffers = 15;  // of padded columns in a row
  Split split;
  GeneralParameters<CellT, T> parameters;
  Index batch, columns;
  Index vectors_size, norm_size;
  // [B, kVectors * padded] and [B, norm_size]; like what stands before them they have the same
  // place for segments of any length.
  A *dvectors, *dnorm, *total;
  Steps steps;
  A *recurrent[2] = {}, *projection = nullptr, *transposed = nullptr;
  A* gate_factors = nullptr;  // [G, B, padded columns of H], with such dropout only
  Index gate_columns, gate_stride;
  A* buffers;                            // [B, kBuffers, columns]
  A *saved = nullptr, *dsums = nullptr;  // [B, panel row]
  GeneralBackwardRow<A>* rows;
  Index* active;
  const A **operands, **factor_rows;
  A** results;

  GeneralBackwardSpace(const BackwardArgs<T>& a, const Pool& pool, Arena& arena)
      : split(SplitOf(a.shape, pool, 1)),
        parameters(a.shape, a.options, a.vectors != nullptr, arena),
        batch(a.shape.batch),
        columns(L::PaddedColumns(Max(a.shape.Hidden(), a.shape.units))),
        vectors_size(Cell::kVectors * parameters.padded),
        norm_size(4 * parameters.sums + 2 * parameters.padded),
        dvectors(a.vectors == nullptr ? nullptr : arena.Take<A>(batch * vectors_size)),
        dnorm(a.options.layer_norm ? arena.Take<A>(batch * norm_size) : nullptr),
        total(arena.Take<A>(Max(vectors_size, norm_size))),
        steps(a.shape, a.options, a.mask, arena) {
    const RnnShape& s = a.shape;
    if constexpr (Cell::kRecurrent) {
      recurrent[0] =
          arena.Take<A>(TransposedElements<L, GateSet<Cell, 0, true>>(s.Hidden(), s.units));
      if constexpr (Cell::kPhases == 2) {
        recurrent[1] =
            arena.Take<A>(TransposedElements<L, GateSet<Cell, 1, true>>(s.units, s.units));
      }
    }
    if (s.projection > 0) {
      projection = arena.Take<A>(s.units * L::PaddedColumns(s.projection));
      transposed = arena.Take<A>(s.projection * L::PaddedColumns(s.units));
    }
    gate_columns = L::PaddedColumns(s.Hidden());
    gate_stride = batch * gate_columns;
    if (a.recurrent_dropout != nullptr && Cell::kRecurrent) {
      gate_factors = arena.Take<A>(Cell::kGates * gate_stride);
    }
    buffers = arena.Take<A>(batch * kBuffers * columns);
    if (a.options.layer_norm) {
      const Index row = L::Blocks(s.units) * L::kRow;
      saved = arena.Take<A>(batch * row);
      dsums = arena.Take<A>(batch * row);
    }
    rows = arena.Take<GeneralBackwardRow<A>>(batch);
    active = arena.Take<Index>(batch);
    operands = arena.Take<const A*>(batch);
    factor_rows = arena.Take<const A*>(batch);
    results = arena.Take<A*>(batch);
  }

  // Zeros in the padding of all rows, and in all that is summed up unless the sums go on.
  void Clear(bool continues) const {
    for (Index i = 0; i < batch * kBuffers * columns; ++i) buffers[i] = A(0);
    if (saved != nullptr) {
      const Index row = L::Blocks(parameters.units) * L::kRow;
      for (Index i = 0; i < batch * row; ++i) saved[i] = dsums[i] = A(0);
    }
    if (continues) return;
    for (Index i = 0; dvectors != nullptr && i < batch * vectors_size; ++i) dvectors[i] = A(0);
    for (Index i = 0; dnorm != nullptr && i < batch * norm_size; ++i) dnorm[i] = A(0);
  }

  GeneralBackwardRow<A> RowFor(Index b) const {
    GeneralBackwardRow<A> row;
    A* next = buffers + b * kBuffers * columns;
    A** const all[kBuffers] = {&row.initial_h, &row.staged_h, &row.dropped_h,   &row.initial_state,
                               &row.dh,        &row.dnew,     &row.dpast,       &row.dcell,
                               &row.dhidden,   &row.dstate,   &row.dstate_past, &row.normal,
                               &row.z,         &row.factors,  &row.repeated};
    for (A** const buffer : all) {
      *buffer = next;
      next += columns;
    }
    row.gate_factors = gate_factors == nullptr ? nullptr : gate_factors + b * gate_columns;
    row.saved_buffer = row.dsums_buffer = nullptr;
    row.dvectors = dvectors == nullptr ? nullptr : dvectors + b * vectors_size;
    if (dnorm != nullptr) {
      const Index panel = L::Blocks(parameters.units) * L::kRow;
      row.saved_buffer = saved + b * panel;
      row.dsums_buffer = dsums + b * panel;
      A* const norm = dnorm + b * norm_size;
      for (int share = 0; share < 2; ++share) {
        row.dgain[share] = norm + 2 * share * parameters.sums;
        row.doffset[share] = row.dgain[share] + parameters.sums;
      }
      row.dstate_gain = norm + 4 * parameters.sums;
      row.dstate_offset = row.dstate_gain + parameters.padded;
    }
    return row;
  }

  // Adds up what the batch rows have collected.
  void Gather(const BackwardArgs<T>& a) const {
    const Index units = parameters.units, padded = parameters.padded;
    if (dvectors != nullptr) {
      Total(dvectors, vectors_size);
      for (int k = 0; k < Cell::kVectors; ++k) {
        StoreRow(total + k * padded, units, a.dvectors + k * units);
      }
    }
    if (dnorm == nullptr) return;
    Total(dnorm, norm_size);
    const Index width = LayerNormWidth<Cell>(units);
    for (int share = 0; share < (Cell::kRecurrent ? 2 : 1); ++share) {
      T* const to = a.dlayer_norm + share * Cell::kGates * units;
      parameters.Gather(total + 2 * share * parameters.sums, share, to);
      parameters.Gather(total + (2 * share + 1) * parameters.sums, share, to + width);
    }
    if (Cell::kEmits) {
      const A* const state = total + 4 * parameters.sums;
      StoreRow(state, units, a.dlayer_norm + width - units);
      StoreRow(state + padded, units, a.dlayer_norm + 2 * width - units);
    }
  }

 private:
  // Adds up all rows in their order.
  void Total(const A* all, Index size) const {
    for (Index i = 0; i < size; ++i) total[i] = all[i];
    for (Index b = 1; b < batch; ++b) {
      for (Index i = 0; i < size; ++i) total[i] += all[b * size + i];
    }
  }
};

}  // namespace tfrnn::cpu::TFRNN_ISA
