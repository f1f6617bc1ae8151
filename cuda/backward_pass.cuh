// A whole sequence back through time in one launch: the counterpart of ForwardPass. A block has the
// gradients of its own units' gates in its shared memory and multiplies them with the weights that
// it kept on the way forward, those of its units; what comes out is its share of everybody's dh.
#pragma once

#include "cuda/backward_unit.cuh"
#include "cuda/persistent.cuh"
#include "cuda/reduction.cuh"

namespace tfrnn::cuda {

template <template <typename> class CellT, typename T, int kColumns>
struct BackwardPass {
  using Unit = BackwardUnit<CellT, T>;
  using Cell = typename Unit::Cell;
  using Loop = typename Unit::Loop;
  using P = Pairs<kColumns>;
  using Space = ReductionSpace;
  static constexpr Pass kPass = Pass::kBackward;
  static constexpr int kTiles = BackwardTiles(P::kRows);

  static Space SpaceIn(void* workspace, const Geometry& g, const Plan&) {
    return ReductionSpaceIn(workspace, g);
  }
  static std::size_t SpaceBytes(const Geometry& g, const Plan& plan, int directions) {
    return ReductionBytes(g, plan, directions);
  }

  // The gradients of the sums of the block's units, as the rows that the product takes.
  static TFRNN_DEVICE void Put(const Geometry& g, int pair, bool inside, const Loop& a,
                               const Place& p, std::int32_t t, const Unit& unit) {
    if (P::Granule(pair) >= g.granules) return;
    T* const row =
        reinterpret_cast<T*>(prim::SharedMemory() + g.operand + P::Row(pair) * g.operand_stride);
    TFRNN_UNROLL for (int gate = 0; gate < Cell::kGates; ++gate) {
      row[gate * g.units + P::Granule(pair) * kGranule + P::Unit()] =
          prim::FromFloat<T>(inside ? unit.Operand(a, p, t, gate) : 0);
    }
  }

  static TFRNN_DEVICE void Run(const PersistentArgs<Loop, Space>& args) {
    const Geometry& g = args.geometry;
    const auto block = prim::Block();
    const auto& a = args.directions[block.z];
    const int rank = block.x, slices = args.plan.unit_slices;
    const BlockPlace<kColumns> place(args, a);
    const Reduction<P::kRows> reduction(g, args.plan.policy, args.exchange, slices,
                                        place.RowsInside(), rank,
                                        block.z * args.plan.batch_slices + block.y);

    const std::int32_t steps = ActiveSteps(a, place.first_row, place.RowsInside());
    // Every block begins with its own units, so that they do not all write to the same.
    constexpr int kHeld = HeldSteps(kTiles, P::kRows, kHasOptions<Cell>);
    Product<kPass, T, kTiles, kColumns, kHeld> product(g, rank * g.granules);
    product.Load({a.recurrent_kernel, a.units, place.first_unit, Cell::kGates});
    reduction.Begin();
    Unit units[P::kCount];
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (p.inside) units[i].Begin(a, p);
    }

    for (std::int32_t t = a.time - 1; t >= steps; --t) {  // masked for all rows of the block
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].StepMasked(a, p, t);
      }
    }
    for (std::int32_t step = 0; step < steps; ++step) {
      const std::int32_t t = steps - 1 - step;
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].Prefetch(a, p, t);
      }
      const std::uint8_t mask = MaskAt(a, t, place.first_row + P::RowOfLane());
      if (step > 0) reduction.Await(step);
      const unsigned active = prim::Ballot(mask != 0);
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        units[i].active = P::Elected(active, i);
        if (p.inside) {
          if (step > 0) {
            units[i].Receive(a, p, t + 1, reduction.Sum(step, P::Index(i), P::Unit()));
          }
          units[i].Step(a, p, t);
        }
        Put(g, i, p.inside, a, p, t, units[i]);
      }
      prim::SyncBlock();
      product.Multiply(prim::SharedMemory() + g.operand, a.exact,
                       [&](int job, int share, const auto& sum) {
                         TFRNN_UNROLL for (int i = 0; i < kTiles; ++i) {
                           reduction.Send(step + 1, job * kTiles + i, share, sum[i]);
                         }
                       });
      reduction.Publish(step + 1);
      TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
        const Place p = place.Of(i);
        if (p.inside) units[i].Store(a, p, t);
      }
    }
    if (steps > 0) reduction.Await(steps);
    TFRNN_UNROLL for (int i = 0; i < P::kCount; ++i) {
      const Place p = place.Of(i);
      if (!p.inside) continue;
      // What the first step's product brings to the gradient of the initial h.
      if (steps > 0) units[i].Receive(a, p, 0, reduction.Sum(steps, P::Index(i), P::Unit()));
      units[i].End(a, p);
    }
  }
};

}  // namespace tfrnn::cuda
