// The small parameters of the general loops in the order the rows are in, and the functions they
// make of the options.
#pragma once

#include "csrc/cells/functions.h"
#include "csrc/core/args.h"
#include "csrc/cpu/pack.h"

namespace tfrnn::cpu::TFRNN_ISA {

template <template <typename> class CellT, typename T>
struct GeneralParameters {
  using A = ComputeType<T>;
  using L = Layout<CellT, A>;
  using Cell = typename L::Cell;
  static constexpr Index kSumsOfBlock = Cell::kSums * L::kBlock;

  Index units, padded, sums;         // sums: elements of a row of sums, block after block
  A* bias;                           // a row of sums
  A *gain[2] = {}, *offset[2] = {};  // of the input and the recurrent share: rows of sums
  A *state_gain = nullptr, *state_offset = nullptr;  // [padded]
  A* vectors = nullptr;                              // [kVectors, padded]
  Chosen<Vec<A>> fn;

  GeneralParameters(const RnnShape& s, const RnnOptions& o, bool has_vectors, Arena& arena)
      : units(s.units),
        padded(L::Padded(s.units)),
        sums(L::Blocks(s.units) * kSumsOfBlock),
        bias(arena.Take<A>(sums)) {
    if (o.layer_norm) {
      for (int share = 0; share < (Cell::kRecurrent ? 2 : 1); ++share) {
        gain[share] = arena.Take<A>(sums);
        offset[share] = arena.Take<A>(sums);
      }
      if (Cell::kEmits) {
        state_gain = arena.Take<A>(padded);
        state_offset = arena.Take<A>(padded);
      }
    }
    if (has_vectors) vectors = arena.Take<A>(Cell::kVectors * padded);
    fn.activation = o.activation;
    fn.recurrent_activation = o.recurrent_activation;
    fn.clips = o.cell_clip > 0;
    fn.clip = Broadcast(A(o.cell_clip));
  }

  void Fill(const T* bias_from, const T* vectors_from, const T* layer_norm) const {
    for (Index block = 0; block < L::Blocks(units); ++block) {
      PackBias<L>(bias_from, units, block, bias);
    }
    if (vectors != nullptr) {
      for (int k = 0; k < Cell::kVectors; ++k) Pad(vectors_from + k * units, vectors + k * padded);
    }
    if (gain[0] == nullptr) return;
    const Index width = LayerNormWidth<Cell>(units);
    for (int share = 0; share < (Cell::kRecurrent ? 2 : 1); ++share) {
      const T* const from = layer_norm + share * Cell::kGates * units;
      Spread(from, share, gain[share]);
      Spread(from + width, share, offset[share]);
    }
    if (Cell::kEmits) {
      Pad(layer_norm + width - units, state_gain);
      Pad(layer_norm + 2 * width - units, state_offset);
    }
  }

  // The functions of the units from `unit` on.
  TFRNN_INLINE Chosen<Vec<A>> At(Index unit) const {
    Chosen<Vec<A>> own = fn;
    if (vectors != nullptr) {
      for (int k = 0; k < Cell::kVectors; ++k) own.vector[k] = LoadVec(vectors + k * padded + unit);
    }
    return own;
  }

  // [G*U] of a share to or from a row of sums.
  void Spread(const T* from, int share, A* to) const {
    for (Index i = 0; i < sums; ++i) to[i] = A(0);
    ForGates(share, [&](Index at, Index column) { to[at] = Load(from[column]); });
  }
  void Gather(const A* from, int share, T* to) const {
    ForGates(share, [&](Index at, Index column) { Store(from[at], to + column); });
  }

 private:
  void Pad(const T* from, A* to) const {
    for (Index u = 0; u < padded; ++u) to[u] = u < units ? A(Load(from[u])) : A(0);
  }
  template <typename Body>
  void ForGates(int share, const Body& body) const {
    for (int g = 0; g < Cell::kGates; ++g) {
      const int sum = share == 0 ? Cell::InputSum(g) : Cell::RecurrentSum(g);
      for (Index u = 0; u < units; ++u) {
        body(u / L::kBlock * kSumsOfBlock + sum * L::kBlock + u % L::kBlock, g * units + u);
      }
    }
  }
};

// The sums of the units of a vector: what a row without layer normalisation holds, or the affine
// images of the two normalised shares and the bias.
template <template <typename> class CellT, typename T, typename A = ComputeType<T>>
TFRNN_INLINE void LoadSums(const GeneralParameters<CellT, T>& p, const A* inputs,
                           const A* recurrents, Index stride, Index block, Index at,
                           Vec<A> (&sums)[Layout<CellT, A>::Cell::kSums]) {
  using L = Layout<CellT, A>;
  for (int s = 0; s < L::Cell::kSums; ++s) {
    const Index in_row = block * stride + s * L::kBlock + at;
    sums[s] = LoadVec(inputs + in_row);
    const Index own = (block * L::Cell::kSums + s) * L::kBlock + at;
    if (p.gain[0] == nullptr) continue;
    sums[s] = MulAdd(sums[s], LoadVec(p.gain[0] + own),
                     LoadVec(p.offset[0] + own) + LoadVec(p.bias + own));
    if constexpr (L::Cell::kRecurrent) {
      sums[s] = sums[s] + MulAdd(LoadVec(recurrents + in_row), LoadVec(p.gain[1] + own),
                                 LoadVec(p.offset[1] + own));
    }
  }
}

}  // namespace tfrnn::cpu::TFRNN_ISA
