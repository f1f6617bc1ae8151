// The recurrence with a matrix product and a pointwise kernel each step: any type, any size, any
// cell with recurrent weights. Between the kernels the state of every unit lies in the workspace.
#pragma once

#include "cuda/backward_unit.cuh"
#include "cuda/geometry.h"
#include "cuda/phases.h"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

constexpr int kPointwiseThreads = 256;

// Of both passes, [B, U] a field unless said otherwise.
template <typename T>
struct StepSpace {
  ComputeType<T>* carried = nullptr;  // kCarried fields of the units
  ComputeType<T>* product = nullptr;  // forward [B, G*U], backward [B, U]
  T* operand = nullptr;               // forward [B, U], backward [B, G*U]
};

// What a pointwise kernel does: the steps around the products. A cell with two phases has two
// products a step, and a kernel between them.
enum class Stage { kBegin, kBetween, kStep, kEnd };

template <typename Unit, typename T>
TFRNN_DEVICE void LoadCarried(const StepSpace<T>& space, std::int64_t at, std::int64_t count,
                              Unit* unit) {
  TFRNN_UNROLL for (int i = 0; i < Unit::kCarried; ++i) {
    unit->Carried(i) = space.carried[i * count + at];
  }
}
template <typename Unit, typename T>
TFRNN_DEVICE void SaveCarried(const StepSpace<T>& space, std::int64_t at, std::int64_t count,
                              Unit* unit) {
  TFRNN_UNROLL for (int i = 0; i < Unit::kCarried; ++i) {
    space.carried[i * count + at] = unit->Carried(i);
  }
}

template <template <typename> class CellT, typename T>
TFRNN_KERNEL(kPointwiseThreads)
StepForward(const ForwardLoop<T> a, const StepSpace<T> space, std::int32_t t, Stage stage) {
  using Unit = ForwardUnit<CellT, T>;
  using Cell = typename Unit::Cell;
  using A = typename Unit::A;
  const std::int64_t at = std::int64_t{prim::Block().x} * kPointwiseThreads + prim::Thread();
  const std::int64_t count = std::int64_t{a.batch} * a.units;
  if (at >= count) return;
  const Place p{static_cast<std::int32_t>(at / a.units), static_cast<std::int32_t>(at % a.units),
                true};
  Unit unit;
  if (stage == Stage::kBegin) {
    unit.Begin(a, p);
  } else {
    LoadCarried(space, at, count, &unit);
    unit.Prefetch(a, p, t);
    unit.active = MaskAt(a, t, p.b) != 0;
    A sums[Cell::kSums] = {};
    TFRNN_UNROLL for (int g = 0; g < Cell::kGates; ++g) {
      const A product = space.product[(std::int64_t{p.b} * Cell::kGates + g) * a.units + p.u];
      sums[Cell::RecurrentSum(g)] += product;
      if (a.bias == nullptr) continue;
      const T* const bias = a.bias + std::int64_t{g} * a.units + p.u;
      sums[Cell::InputSum(g)] += prim::ToFloat(*bias);
      if (Cell::kBiases == 2) {
        sums[Cell::RecurrentSum(g)] += prim::ToFloat(bias[std::int64_t{Cell::kGates} * a.units]);
      }
    }
    unit.AddInput(sums);
    if constexpr (Cell::kPhases == 2) {
      unit.StepFirst(a, p, sums);
      if (stage == Stage::kBetween) {
        space.operand[at] = prim::FromFloat<T>(unit.SecondOperand(a, p, t));
        return;
      }
    }
    unit.Step(a, p, t, sums);
    unit.Store(a, p, t);
  }
  SaveCarried(space, at, count, &unit);
  if (t + 1 < a.time) space.operand[at] = prim::FromFloat<T>(unit.Operand(a, p, t + 1, 0));
  if (t + 1 == a.time) unit.End(a, p);
}

template <template <typename> class CellT, typename T>
TFRNN_KERNEL(kPointwiseThreads)
StepBackward(const BackwardLoop<T> a, const StepSpace<T> space, std::int32_t t, Stage stage) {
  using Unit = BackwardUnit<CellT, T>;
  using Cell = typename Unit::Cell;
  const std::int64_t at = std::int64_t{prim::Block().x} * kPointwiseThreads + prim::Thread();
  const std::int64_t count = std::int64_t{a.batch} * a.units;
  if (at >= count) return;
  const Place p{static_cast<std::int32_t>(at / a.units), static_cast<std::int32_t>(at % a.units),
                true};
  Unit unit;
  if (stage == Stage::kBegin) {
    unit.Begin(a, p);
    SaveCarried(space, at, count, &unit);
    return;
  }
  LoadCarried(space, at, count, &unit);
  if (stage == Stage::kEnd) {
    if (a.time > 0) unit.Receive(a, p, 0, space.product[at]);
    unit.End(a, p);
    return;
  }
  unit.Prefetch(a, p, t);
  unit.active = MaskAt(a, t, p.b) != 0;
  const auto put = [&](int phase) {
    TFRNN_UNROLL for (int g = 0; g < Cell::kGates; ++g) {
      if (Cell::Phase(g) != phase) continue;
      space.operand[(std::int64_t{p.b} * Cell::kGates + g) * a.units + p.u] =
          prim::FromFloat<T>(unit.Operand(a, p, t, g));
    }
  };
  if constexpr (Cell::kPhases == 2) {
    if (stage == Stage::kBetween) {
      if (t + 1 < a.time) unit.Receive(a, p, t + 1, space.product[at]);
      unit.Step(a, p, t);
      SaveCarried(space, at, count, &unit);
      put(1);
      return;
    }
    unit.StepSecond(a, p, t, space.product[at]);
  } else {
    if (t + 1 < a.time) unit.Receive(a, p, t + 1, space.product[at]);
    unit.Step(a, p, t);
  }
  unit.Store(a, p, t);
  SaveCarried(space, at, count, &unit);
  put(0);
}

template <template <typename> class CellT, typename T, typename Loop>
class Stepwise {
  using Unit = std::conditional_t<std::is_same_v<Loop, ForwardLoop<T>>, ForwardUnit<CellT, T>,
                                  BackwardUnit<CellT, T>>;
  using Cell = typename Unit::Cell;
  static constexpr bool kForward = std::is_same_v<Loop, ForwardLoop<T>>;

 public:
  Stepwise(const Loop& loop, const Blas& blas, void* workspace, Stream stream)
      : a_(loop), blas_(blas), stream_(stream) {
    const std::int64_t count = std::int64_t{a_.batch} * a_.units;
    space_.carried = static_cast<ComputeType<T>*>(workspace);
    space_.product = space_.carried + Unit::kCarried * count;
    space_.operand = reinterpret_cast<T*>(space_.product + (kForward ? Cell::kGates : 1) * count);
  }

  static std::size_t WorkspaceBytes(std::int64_t batch, std::int64_t units) {
    constexpr int kFields = Unit::kCarried + (kForward ? Cell::kGates : 1);
    const std::size_t bytes =
        static_cast<std::size_t>(batch * units) *
        (kFields * sizeof(ComputeType<T>) + (kForward ? 1 : Cell::kGates) * sizeof(T));
    return (bytes + 255) / 256 * 256;
  }

  Error Run() {
    if constexpr (kForward) {
      Pointwise(-1, Stage::kBegin);
      for (std::int32_t t = 0; t < a_.time; ++t) {
        Product(0);
        if (Cell::kPhases == 2) Pointwise(t, Stage::kBetween), Product(1);
        Pointwise(t, Stage::kStep);
      }
    } else {
      Pointwise(a_.time, Stage::kBegin);
      for (std::int32_t t = a_.time - 1; t >= 0; --t) {
        if (Cell::kPhases == 2) Pointwise(t, Stage::kBetween), Product(1);
        Pointwise(t, Stage::kStep);
        Product(0);
      }
      Pointwise(0, Stage::kEnd);
    }
    return error_;
  }

 private:
  void Pointwise(std::int32_t t, Stage stage) {
    if (!error_.empty()) return;
    const std::int64_t count = std::int64_t{a_.batch} * a_.units;
    LaunchConfig config;
    config.grid_x = CeilDiv(count, kPointwiseThreads), config.threads = kPointwiseThreads;
    config.stream = stream_;
    if constexpr (kForward) {
      error_ = Launch(StepForward<CellT, T>, config, a_, space_, t, stage);
    } else {
      error_ = Launch(StepBackward<CellT, T>, config, a_, space_, t, stage);
    }
  }

  void Product(int phase) {
    if (!error_.empty()) return;
    const std::int64_t units = a_.units, first = FirstGate<Cell>(phase) * units;
    const std::int64_t columns = GateCount<Cell>(phase) * units, all = Cell::kGates * units;
    Gemm g;
    g.m = a_.batch;
    g.input = ElementOf<T>(), g.output = ElementOf<ComputeType<T>>();
    g.exact = a_.exact;
    g.b = {a_.recurrent_kernel + first, all, !kForward};
    if (kForward) {
      g.n = columns, g.k = units;
      g.a = {space_.operand, units, false};
      g.c = space_.product + first, g.c_stride = all;
    } else {
      g.n = units, g.k = columns;
      g.a = {space_.operand + first, all, false};
      g.c = space_.product, g.c_stride = units;
    }
    error_ = RunGemm<T>(g, blas_, stream_);
  }

  const Loop a_;
  const Blas blas_;
  const Stream stream_;
  StepSpace<T> space_;
  Error error_;
};

}  // namespace tfrnn::cuda
