// The CPU engine as the ops call it: TensorFlow's threads and memory, lent to csrc/cpu.
#pragma once

#include <cstring>
#include <optional>

#include "csrc/cpu/directions.h"
#include "csrc/ops/call.h"
#include "csrc/ops/cpu_segments.h"
#include "csrc/ops/rnn_cell.h"
#include "csrc/ops/tf_pool.h"

namespace tfrnn {

template <typename TFType>
class CpuEngine {
 public:
  using TF = TFType;
  using T = typename Storage<TF>::type;
  using Kernels = cpu::Kernels<T>;

  template <template <typename> class Cell>
  static const Kernels& KernelsOf() {
    return cpu::GetKernels<Cell, T>();
  }

  explicit CpuEngine(const RnnCell<CpuEngine>& cell) : cell_(cell) {}

  const Kernels& kernels() const { return *cell_.kernels; }

  // Lays the operands out as the kernels want them, or says why there is no kernel for the call.
  absl::Status Prepare(tensorflow::OpKernelContext* ctx, Call<T>* call) const {
    if (*cpu::IsaError() != '\0') return absl::InvalidArgumentError(cpu::IsaError());
    if (!call->shared_dropout || cell_.counts.gates == 1) return absl::OkStatus();
    const int64_t count = call->shape.batch * call->shape.Hidden();
    TF_RETURN_IF_ERROR(ctx->allocate_temp(tensorflow::DataTypeToEnum<TF>::value,
                                          tensorflow::TensorShape({cell_.counts.gates, count}),
                                          &call->memory));
    T* const factors = reinterpret_cast<T*>(call->memory.template flat<TF>().data());
    for (int gate = 0; gate < cell_.counts.gates; ++gate) {
      std::memcpy(factors + gate * count, call->recurrent_dropout, count * sizeof(T));
    }
    call->recurrent_dropout = factors;
    return absl::OkStatus();
  }

  // Bytes of the reserve space of a call that keeps all.
  int64_t ReserveBytes(const RnnShape& shape, const RnnOptions& options) const {
    return static_cast<int64_t>(kernels().reserve_bytes(shape, options));
  }

  // Each runs a pass of `count` directions.
  absl::Status Run(tensorflow::OpKernelContext* ctx, ForwardArgs<T>* args, int count) const {
    return Launch(ctx, args, count, kernels().forward_workspace, kernels().forward);
  }
  absl::Status Run(tensorflow::OpKernelContext* ctx, BackwardArgs<T>* args, int count) const {
    return Launch(ctx, args, count, kernels().backward_workspace, kernels().backward);
  }
  absl::Status Run(tensorflow::OpKernelContext* ctx, InputGradientArgs<T>* args, int count) const {
    return LaunchInTurn(ctx, args, count, kernels().input_gradient_workspace,
                        kernels().input_gradient);
  }
  absl::Status Run(tensorflow::OpKernelContext* ctx, WeightGradientArgs<T>* args, int count) const {
    return LaunchInTurn(ctx, args, count, kernels().weight_gradient_workspace,
                        kernels().weight_gradient);
  }

  // A call with `recompute`: of so many steps at once, and what is kept between them.
  Segments<T> SegmentsOf(const RnnShape& shape, const RnnOptions&, int64_t steps) const {
    return {shape, cell_.counts.states, steps};
  }
  // One segment after the other, keeping the states between them in `kept`, a part a direction.
  absl::Status RunSegments(tensorflow::OpKernelContext* ctx, const Segments<T>& segments,
                           const ForwardArgs<T>* wholes, int count, uint8_t* const* kept) const {
    ForwardArgs<T> first = wholes[0];
    first.shape = segments.Shape(0);
    const cpu::Pool pool = PoolFor(ctx, wholes[0].shape, count);
    const auto stride = cpu::WorkspaceStride(first, count, pool, kernels().forward_workspace);
    tensorflow::Tensor workspace;
    TF_RETURN_IF_ERROR(ctx->allocate_temp(
        tensorflow::DT_UINT8, tensorflow::TensorShape({static_cast<int64_t>(count * stride)}),
        &workspace));
    uint8_t* const memory = workspace.flat<uint8_t>().data();
    const cpu::Pool own = cpu::PoolOfDirection(pool, count);
    cpu::ForDirections(pool, count, [&](int d) {
      for (int64_t i = 0; i < segments.count(); ++i) {
        ForwardArgs<T> args = wholes[d];
        args.shape = segments.Shape(i);
        args.workspace = memory + d * stride;
        args.packed = i > 0 && args.shape.time == first.shape.time;
        if (i > 0) {
          args.initial[0] = segments.H(kept[d], i);
          args.carry_in = segments.Carry(kept[d], i);
        }
        if (i + 1 < segments.count()) {
          args.final[0] = segments.H(kept[d], i + 1);
          args.carry_out = segments.Carry(kept[d], i + 1);
        }
        kernels().forward(args, own);
      }
    });
    return absl::OkStatus();
  }
  absl::Status RunSegments(tensorflow::OpKernelContext* ctx, const Segments<T>& segments,
                           const RecomputedGradient<T>* wholes, int count) const {
    const cpu::Pool pool = PoolFor(ctx, wholes[0].forward.shape, count);
    std::optional<CpuRecomputed<T>> runs[kMaxDirections];
    for (int d = 0; d < count; ++d) {
      runs[d].emplace(kernels(), segments, cell_.counts.states, cpu::PoolOfDirection(pool, count),
                      wholes[d]);
      TF_RETURN_IF_ERROR(runs[d]->Allocate(ctx));
    }
    cpu::ForDirections(pool, count, [&](int d) { runs[d]->Run(); });
    return absl::OkStatus();
  }

  absl::Status Clear(tensorflow::OpKernelContext*, void* data, std::size_t bytes) const {
    if (bytes > 0) std::memset(data, 0, bytes);
    return absl::OkStatus();
  }

  // TensorFlow's intra-op threads, or none for work too small to share.
  cpu::Pool PoolFor(tensorflow::OpKernelContext* ctx, const RnnShape& shape, int count) const {
    constexpr double kWorthSharing = 2e6;  // multiply-adds: less is over before a thread wakes up
    const double work = static_cast<double>(count) * shape.time * shape.batch * shape.units *
                        (shape.input + shape.Hidden()) * cell_.counts.gates;
    const auto* workers = ctx->device()->tensorflow_cpu_worker_threads();
    if (work < kWorthSharing || workers == nullptr || workers->num_threads < 2) return {};
    return PoolOn(workers->workers);
  }

 private:
  // Sizes the workspaces of the directions, then runs them.
  template <typename Args>
  absl::Status Launch(tensorflow::OpKernelContext* ctx, Args* args, int count,
                      std::size_t (*workspace_bytes)(const Args&, const cpu::Pool&),
                      void (*run)(const Args&, const cpu::Pool&)) const {
    const cpu::Pool pool = PoolFor(ctx, args[0].shape, count);
    const std::size_t stride = cpu::WorkspaceStride(args[0], count, pool, workspace_bytes);
    tensorflow::Tensor workspace;
    TF_RETURN_IF_ERROR(ctx->allocate_temp(
        tensorflow::DT_UINT8, tensorflow::TensorShape({static_cast<int64_t>(count * stride)}),
        &workspace));
    cpu::RunDirections(args, count, pool, workspace.flat<uint8_t>().data(), stride, run);
    return absl::OkStatus();
  }

  // The same, one direction after the other with all threads: products alone have no steps to wait
  // for, and two at once would fight for the caches.
  template <typename Args>
  absl::Status LaunchInTurn(tensorflow::OpKernelContext* ctx, Args* args, int count,
                            std::size_t (*workspace_bytes)(const Args&, const cpu::Pool&),
                            void (*run)(const Args&, const cpu::Pool&)) const {
    for (int d = 0; d < count; ++d) {
      TF_RETURN_IF_ERROR(Launch(ctx, args + d, 1, workspace_bytes, run));
    }
    return absl::OkStatus();
  }

  const RnnCell<CpuEngine> cell_;
};

}  // namespace tfrnn
