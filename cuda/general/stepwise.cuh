// The recurrence with any option: matrix products, and between them a kernel that gives each batch
// row a block. Forwards a step is
//
//   h · recurrent_kernel, (kBetween, the operand of the second phase · recurrent_kernel,) kCell,
//   (hidden · projection, kFinish)
//
// and backwards the same in reverse with transposed weights.
#pragma once

#include "cuda/general/backward_row.cuh"
#include "cuda/general/forward_row.cuh"
#include "cuda/geometry.h"
#include "cuda/products.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

// Launches in order until one fails.
template <template <typename> class CellT, typename T, typename Loop>
class GeneralSteps {
 protected:
  using A = ComputeType<T>;
  using Cell = CellT<A>;

  GeneralSteps(const Loop& loop, const Blas& blas, Stream stream)
      : a_(loop), blas_(blas), stream_(stream) {}

  template <typename Kernel, typename Stage>
  void Rows(Kernel kernel, std::int32_t t, Stage stage) {
    if (!error_.empty()) return;
    LaunchConfig config;
    const int widest = a_.units > a_.width ? a_.units : a_.width;
    config.threads = widest < kRowThreads ? 32 * CeilDiv(widest, 32) : kRowThreads;
    config.grid_x = a_.batch;
    config.shared_bytes = kMaxRowSums * config.threads * sizeof(A);
    config.stream = stream_;
    error_ = Launch(kernel, config, a_, t, stage);
  }

  // c [B, n] = a [B, k] · b, in the type that T is computed in.
  void Product(const Gemm::Matrix& a, const Gemm::Matrix& b, std::int64_t n, std::int64_t k, A* c,
               std::int64_t c_stride) {
    if (!error_.empty()) return;
    Gemm g;
    g.m = a_.batch, g.n = n, g.k = k;
    g.a = a, g.b = b, g.c = c, g.c_stride = c_stride;
    g.input = ElementOf<T>(), g.output = ElementOf<A>();
    g.exact = a_.exact;
    error_ = RunGemm<T>(g, blas_, stream_);
  }

  // Calls body(slot, first gate, gates) for the products of a phase: one, or one for each gate.
  template <typename Body>
  void ForProducts(int phase, const Body& body) {
    if (!Cell::kRecurrent) return;
    const int first = FirstGate<Cell>(phase), count = GateCount<Cell>(phase);
    if (!a_.drops_per_gate) return body(0, first, count);
    for (int g = first; g < first + count; ++g) body(g, g, 1);
  }
  const T* WeightsOf(int gate) const { return a_.recurrent_kernel + std::int64_t{gate} * a_.units; }
  std::int64_t AllGates() const { return std::int64_t{Cell::kGates} * a_.units; }
  std::int64_t SlotSize() const { return std::int64_t{a_.batch} * a_.width; }

  const Loop a_;
  const Blas blas_;
  const Stream stream_;
  Error error_;
};

template <template <typename> class CellT, typename T>
class GeneralForwardSteps : GeneralSteps<CellT, T, GeneralForwardLoop<T>> {
  using Base = GeneralSteps<CellT, T, GeneralForwardLoop<T>>;
  using Base::a_;

 public:
  GeneralForwardSteps(const GeneralForwardLoop<T>& loop, const Blas& blas, Stream stream)
      : Base(loop, blas, stream) {}

  Error Run() {
    Pointwise(-1, ForwardStage::kBegin);
    for (std::int32_t t = 0; t < a_.time; ++t) {
      Recurrent(0);
      if (Base::Cell::kPhases == 2) Pointwise(t, ForwardStage::kBetween), Recurrent(1);
      Pointwise(t, ForwardStage::kCell);
      if (a_.projection == nullptr) continue;
      const T* const hidden = a_.hidden + RowOf(a_.hidden_rows, t, 0) * a_.units;
      Base::Product({hidden, a_.hidden_rows.batch_stride * a_.units, false},
                    {a_.projection, a_.width, false}, a_.width, a_.units, a_.beside, a_.width);
      Pointwise(t, ForwardStage::kFinish);
    }
    return Base::error_;
  }

 private:
  void Pointwise(std::int32_t t, ForwardStage stage) { Base::Rows(RowForward<CellT, T>, t, stage); }
  void Recurrent(int phase) {
    Base::ForProducts(phase, [&](int slot, int gate, int count) {
      Base::Product({a_.operand + slot * Base::SlotSize(), a_.width, false},
                    {Base::WeightsOf(gate), Base::AllGates(), false},
                    std::int64_t{count} * a_.units, a_.width,
                    a_.product + std::int64_t{gate} * a_.units, Base::AllGates());
    });
  }
};

template <template <typename> class CellT, typename T>
class GeneralBackwardSteps : GeneralSteps<CellT, T, GeneralBackwardLoop<T>> {
  using Base = GeneralSteps<CellT, T, GeneralBackwardLoop<T>>;
  using Base::a_;

 public:
  GeneralBackwardSteps(const GeneralBackwardLoop<T>& loop, const Blas& blas, Stream stream)
      : Base(loop, blas, stream) {}

  Error Run() {
    if (!a_.resumes) Pointwise(a_.time, BackwardStage::kBegin);
    for (std::int32_t t = a_.time - 1; t >= 0; --t) {
      if (a_.projection != nullptr) {
        Pointwise(t, BackwardStage::kReceive);
        const T* const projected = a_.projected + RowOf(a_.input, t, 0) * a_.width;
        Base::Product({projected, a_.input.batch_stride * a_.width, false},
                      {a_.projection, a_.width, true}, a_.units, a_.width, a_.beside, a_.units);
      }
      Pointwise(t, BackwardStage::kCell);
      if (Base::Cell::kPhases == 2) Recurrent(1), Pointwise(t, BackwardStage::kBetween);
      Recurrent(0);
    }
    Pointwise(0, BackwardStage::kEnd);
    return Base::error_;
  }

 private:
  void Pointwise(std::int32_t t, BackwardStage stage) {
    Base::Rows(RowBackward<CellT, T>, t, stage);
  }
  void Recurrent(int phase) {
    Base::ForProducts(phase, [&](int slot, int gate, int count) {
      Base::Product({a_.operand + std::int64_t{gate} * a_.units, Base::AllGates(), false},
                    {Base::WeightsOf(gate), Base::AllGates(), true}, a_.width,
                    std::int64_t{count} * a_.units, a_.product + slot * Base::SlotSize(), a_.width);
    });
  }
};

}  // namespace tfrnn::cuda
