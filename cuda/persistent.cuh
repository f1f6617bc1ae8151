// A whole sequence in one launch. Block (r, c, d) of the grid keeps the recurrent weights of its
// share of the units and steps through time with batch slice c of direction d; after each step
// the blocks of a slice exchange what the next product needs.
#pragma once

#include "cuda/backward_unit.cuh"
#include "cuda/exchange.cuh"
#include "cuda/forward_unit.cuh"
#include "cuda/product.cuh"

namespace tfrnn::cuda {

template <typename Loop>
struct PersistentArgs {
  Loop directions[kMaxDirections];
  Geometry geometry;
  Plan plan;
  ExchangeSpace exchange;
};

// The biases of a block's units, summed up as the cell wants them, in shared memory.
template <typename Cell, typename T>
TFRNN_DEVICE void LoadBias(const Geometry& g, const ForwardLoop<T>& a, std::int32_t first_unit) {
  float* const bias = reinterpret_cast<float*>(prim::SharedMemory() + g.bias);
  for (int i = prim::Thread(); i < Cell::kSums * g.units; i += prim::Threads()) {
    const int sum = i / g.units;
    const std::int32_t u = first_unit + i % g.units;
    float value = 0;
    if (a.bias != nullptr && u < a.units) {
      TFRNN_UNROLL for (int gate = 0; gate < Cell::kGates; ++gate) {
        const T* const at = a.bias + gate * a.units + u;
        if (Cell::InputSum(gate) == sum) value += prim::ToFloat(*at);
        if (Cell::kBiases == 2 && Cell::RecurrentSum(gate) == sum) {
          value += prim::ToFloat(at[Cell::kGates * a.units]);
        }
      }
    }
    bias[i] = value;
  }
}

// How a thread's pairs of unit and batch row lie in the block: 16 threads take 16 units of a row.
template <int kColumns>
struct Pairs {
  static constexpr int kRows = 8 * kColumns;
  static constexpr int kCount = 2 * kColumns;  // of a thread, at most

  static TFRNN_DEVICE int Index(int pair) {
    return (prim::Thread() + pair * prim::Threads()) / kGranule;
  }
  static TFRNN_DEVICE int Granule(int pair) { return Index(pair) / kRows; }
  static TFRNN_DEVICE int Row(int pair) { return Index(pair) % kRows; }
  static TFRNN_DEVICE int Unit() { return prim::Thread() % kGranule; }
};

template <int kColumns>
struct BlockPlace {
  const Geometry& g;
  std::int32_t first_row, first_unit, batch, units;

  TFRNN_DEVICE Place Of(int pair) const {
    using P = Pairs<kColumns>;
    Place p;
    p.b = first_row + P::Row(pair);
    p.u = first_unit + P::Granule(pair) * kGranule + P::Unit();
    p.inside = P::Granule(pair) < g.granules && p.b < batch && p.u < units;
    return p;
  }
};

template <template <typename> class CellT, typename T, int kColumns>
struct ForwardPass {
  using Unit = ForwardUnit<CellT, T>;
  using Cell = typename Unit::Cell;
  using Loop = typename Unit::Loop;
  using P = Pairs<kColumns>;
  static constexpr Pass kPass = Pass::kForward;
  static constexpr int kTiles = Cell::kGates, kParts = 1;
  static constexpr bool kProductAfterLast = false;

  static TFRNN_DEVICE std::int32_t Time(const Loop&, std::int32_t step) { return step; }

  static TFRNN_DEVICE void Prepare(const Geometry& g, const Loop& a, std::int32_t first_unit) {
    LoadBias<Cell>(g, a, first_unit);
  }
  static TFRNN_DEVICE T FirstOperand(const Loop& a, const Place& p) {
    const std::int64_t at = std::int64_t{p.b} * a.units + p.u;
    const auto h = a.carry_in == nullptr ? prim::ToFloat(a.initial[0][at]) : a.carry_in[at];
    return prim::FromFloat<T>(h * OperandFactor(a, 0, p.b, p.u));
  }
  static TFRNN_DEVICE void Step(const Geometry& g, const Loop& a, const Place& p, int pair,
                                std::int32_t t, Unit& unit) {
    const float* const bias = reinterpret_cast<const float*>(prim::SharedMemory() + g.bias);
    float sums[Cell::kSums];
    TFRNN_UNROLL for (int s = 0; s < Cell::kSums; ++s) {
      sums[s] = bias[s * g.units + P::Granule(pair) * kGranule + P::Unit()];
    }
    TFRNN_UNROLL for (int gate = 0; gate < Cell::kGates; ++gate) {
      sums[Cell::RecurrentSum(gate)] +=
          ProductAt<kTiles, P::kRows>(g, P::Granule(pair), gate, P::Row(pair), P::Unit());
    }
    unit.AddInput(sums);
    unit.Step(a, p, t, sums);
  }
  static TFRNN_DEVICE void Finish(const Geometry&, const Loop&, const Place&, int, Unit&) {}
};

template <template <typename> class CellT, typename T, int kColumns>
struct BackwardPass {
  using Unit = BackwardUnit<CellT, T>;
  using Cell = typename Unit::Cell;
  using Loop = typename Unit::Loop;
  using P = Pairs<kColumns>;
  static constexpr Pass kPass = Pass::kBackward;
  static constexpr int kTiles = 1, kParts = Cell::kGates;
  static constexpr bool kProductAfterLast = true;  // the gradient of the initial h

  static TFRNN_DEVICE std::int32_t Time(const Loop& a, std::int32_t step) {
    return a.time - 1 - step;
  }

  static TFRNN_DEVICE void Prepare(const Geometry&, const Loop&, std::int32_t) {}
  static TFRNN_DEVICE T FirstOperand(const Loop&, const Place&) { return prim::FromFloat<T>(0); }
  static TFRNN_DEVICE void Receive(const Geometry& g, const Loop& a, const Place& p, int pair,
                                   std::int32_t t, Unit& unit) {
    if (t >= a.time) return;
    unit.Receive(a, p, t,
                 ProductAt<kTiles, P::kRows>(g, P::Granule(pair), 0, P::Row(pair), P::Unit()));
  }
  static TFRNN_DEVICE void Step(const Geometry& g, const Loop& a, const Place& p, int pair,
                                std::int32_t t, Unit& unit) {
    Receive(g, a, p, pair, t + 1, unit);
    unit.Step(a, p, t);
  }
  static TFRNN_DEVICE void Finish(const Geometry& g, const Loop& a, const Place& p, int pair,
                                  Unit& unit) {
    Receive(g, a, p, pair, 0, unit);
  }
};

// kColumns: tiles of 8 batch rows.
template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T, int kColumns>
TFRNN_KERNEL((kColumns == 4 || kHasOptions<CellT<ComputeType<T>>> ? 256 : 512))
Persistent(const PersistentArgs<typename PassT<CellT, T, kColumns>::Loop> args) {
  using Pass = PassT<CellT, T, kColumns>;
  using Unit = typename Pass::Unit;
  using P = Pairs<kColumns>;
  if constexpr (!prim::HasMatrices<T>()) {
    return;  // launchers refuse
  } else {
    const Geometry& g = args.geometry;
    const auto block = prim::Block();
    const auto& a = args.directions[block.z];
    const std::int32_t first_row = block.y * P::kRows;
    const BlockPlace<kColumns> place{g, first_row, static_cast<std::int32_t>(block.x) * g.units,
                                     a.batch, a.units};
    const std::int32_t rows_left = a.batch - first_row;
    Exchange<T> exchange(g, args.plan.policy, args.exchange, args.plan.unit_slices, P::kRows,
                         rows_left < P::kRows ? rows_left : P::kRows, block.x,
                         block.z * args.plan.batch_slices + block.y);

    LoadWeights<Pass::kPass>(
        g, Weights<T>{a.recurrent_kernel, a.units, g.padded_units, Unit::Cell::kGates},
        place.first_unit);
    Pass::Prepare(g, a, place.first_unit);
    exchange.Begin([&](int row, int column) {
      const Place p{first_row + row, column, true};
      return p.b < a.batch && p.u < a.units ? Pass::FirstOperand(a, p) : prim::FromFloat<T>(0);
    });
    Unit units[P::kCount];
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (p.inside) units[i].Begin(a, p);
    }

    const std::int32_t products = a.time + (Pass::kProductAfterLast ? 1 : 0);
    for (std::int32_t step = 0; step < products; ++step) {
      const std::int32_t t = Pass::Time(a, step);
      if (step < a.time) {
        TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
          const Place p = place.Of(i);
          if (p.inside) units[i].Prefetch(a, p, t);
        }
      }
      if (step > 0) exchange.Await(step);
      Multiply<T, Pass::kTiles, kColumns>(g, exchange.Operand(step), a.exact);
      prim::SyncBlock();
      if (step == a.time) break;
      const bool publish = step + 1 < products;
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) Pass::Step(g, a, p, i, t, units[i]);
        if (!publish || P::Granule(i) >= g.granules) continue;
        TFRNN_UNROLL for (int part = 0; part < Pass::kParts; ++part) {
          const T value = prim::FromFloat<T>(p.inside ? units[i].Operand(a, p, t + 1, part) : 0);
          exchange.Put(step + 1, P::Row(i), part, P::Granule(i) * kGranule + P::Unit(), value);
        }
      }
      if (publish) exchange.Publish(step + 1);
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].Store(a, p, t);
      }
    }
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (!p.inside) continue;
      Pass::Finish(g, a, p, i, units[i]);
      units[i].End(a, p);
    }
  }
}

}  // namespace tfrnn::cuda
