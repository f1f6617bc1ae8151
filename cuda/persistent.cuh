// A whole sequence in one launch. Block (r, c, d) of the grid keeps the recurrent weights of its
// share of the units and steps through time with batch slice c of direction d; after each step
// the blocks of a slice exchange what the next needs: forward h, which the products take, and on
// the way back (backward_pass.cuh) what the products make.
#pragma once

#include "cuda/active_steps.cuh"
#include "cuda/exchange.cuh"
#include "cuda/forward_unit.cuh"
#include "cuda/product.cuh"

namespace tfrnn::cuda {

// Space: what blocks hand each other lies in it.
template <typename Loop, typename Space>
struct PersistentArgs {
  Loop directions[kMaxDirections];
  Geometry geometry;
  Plan plan;
  Space exchange;
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
  static constexpr int kCount = PairsOfThread(kRows);

  static TFRNN_DEVICE int Index(int pair) {
    return (prim::Thread() + pair * prim::Threads()) / kGranule;
  }
  static TFRNN_DEVICE int Granule(int pair) { return Index(pair) / kRows; }
  static TFRNN_DEVICE int Row(int pair) { return Index(pair) % kRows; }
  static TFRNN_DEVICE int Unit() { return prim::Thread() % kGranule; }

  // Of a pair, a warp has 16 units of two rows. Where each lane votes for one row, lane 2 * i + j
  // does for row j of pair i.
  static TFRNN_DEVICE int RowOfLane() {
    const int warp = prim::Thread() / 32, warps = prim::Threads() / 32, lane = prim::Lane();
    return (2 * (warp + lane / 2 * warps) + lane % 2) % kRows;
  }
  // The vote for the row of this thread's pair.
  static TFRNN_DEVICE bool Elected(unsigned votes, int pair) {
    return (votes >> (2 * pair + prim::Lane() / kGranule) & 1) != 0;
  }
};

// Where a block is in its direction.
template <int kColumns>
struct BlockPlace {
  const Geometry& g;
  std::int32_t first_row, first_unit, batch, units;

  template <typename Loop, typename Space>
  TFRNN_DEVICE BlockPlace(const PersistentArgs<Loop, Space>& args, const Loop& a)
      : g(args.geometry),
        first_row(prim::Block().y * Pairs<kColumns>::kRows),
        first_unit(static_cast<std::int32_t>(prim::Block().x) * g.units),
        batch(a.batch),
        units(a.units) {}

  // Of the block's tile, those that lie in the batch.
  TFRNN_DEVICE std::int32_t RowsInside() const {
    return batch - first_row < Pairs<kColumns>::kRows ? batch - first_row : Pairs<kColumns>::kRows;
  }
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
  using Space = ExchangeSpace;
  static constexpr Pass kPass = Pass::kForward;

  static Space SpaceIn(void* workspace, const Geometry& g, const Plan& plan) {
    return ExchangeSpaceIn(workspace, g, plan);
  }
  static std::size_t SpaceBytes(const Geometry& g, const Plan& plan, int directions) {
    return ExchangeBytes(g, plan, directions);
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
          ProductAt<P::kRows>(g, P::Granule(pair) * Cell::kGates + gate, P::Row(pair), P::Unit());
    }
    unit.AddInput(sums);
    unit.Step(a, p, t, sums);
  }

  static TFRNN_DEVICE void Run(const PersistentArgs<Loop, Space>& args) {
    const Geometry& g = args.geometry;
    const auto block = prim::Block();
    const auto& a = args.directions[block.z];
    const BlockPlace<kColumns> place(args, a);
    Exchange<T, P::kRows> exchange(g, args.plan.policy, args.exchange, args.plan.unit_slices,
                                   place.RowsInside(), block.x,
                                   block.z * args.plan.batch_slices + block.y);

    const std::int32_t steps = ActiveSteps(a, place.first_row, place.RowsInside());
    constexpr int kHeld = HeldSteps(Cell::kGates, P::kRows, kHasOptions<Cell>);
    Product<kPass, T, Cell::kGates, kColumns, kHeld> product(g);
    product.Load({a.recurrent_kernel, a.units, place.first_unit, Cell::kGates});
    LoadBias<Cell>(g, a, place.first_unit);
    exchange.Begin([&](int row, int column) {
      const Place p{place.first_row + row, column, true};
      return p.b < a.batch && p.u < a.units ? FirstOperand(a, p) : prim::FromFloat<T>(0);
    });
    Unit units[P::kCount];
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (p.inside) units[i].Begin(a, p);
    }

    for (std::int32_t t = 0; t < steps; ++t) {
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].Prefetch(a, p, t);
      }
      const std::uint8_t mask = MaskAt(a, t, place.first_row + P::RowOfLane());
      if (t > 0) exchange.Await(t);
      product.Multiply(exchange.Operand(t), a.exact, [&](int granule, int share, const auto& sum) {
        KeepSums(g, granule, share, sum);
      });
      prim::SyncBlock();
      const bool publish = t + 1 < steps;
      const unsigned active = prim::Ballot(mask != 0);
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        units[i].active = P::Elected(active, i);
        if (p.inside) Step(g, a, p, i, t, units[i]);
        if (!publish || P::Granule(i) >= g.granules) continue;
        const T value = prim::FromFloat<T>(p.inside ? units[i].Operand(a, p, t + 1, 0) : 0);
        exchange.Put(t + 1, P::Row(i), P::Granule(i) * kGranule + P::Unit(), value);
      }
      if (publish) exchange.Publish(t + 1);
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].Store(a, p, t);
      }
    }
    for (std::int32_t t = steps; t < a.time; ++t) {  // masked for all rows of the block
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (!p.inside) continue;
        units[i].active = false;
        units[i].Store(a, p, t);
      }
    }
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (p.inside) units[i].End(a, p);
    }
  }
};

// kColumns: tiles of 8 batch rows.
template <template <template <typename> class, typename, int> class PassT,
          template <typename> class CellT, typename T, int kColumns>
TFRNN_KERNEL(32 * kMaxWarps)
Persistent(const PersistentArgs<typename PassT<CellT, T, kColumns>::Loop,
                                typename PassT<CellT, T, kColumns>::Space>
               args) {
  // Launchers refuse a type that the processor has no matrix instructions for.
  if constexpr (prim::HasMatrices<T>()) PassT<CellT, T, kColumns>::Run(args);
}

}  // namespace tfrnn::cuda
