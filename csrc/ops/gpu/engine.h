// The CUDA kernels as the ops call them: on TensorFlow's stream and in its memory, never
// synchronising.
#pragma once

#include <type_traits>

#include "csrc/ops/call.h"
#include "csrc/ops/gpu/calls.h"
#include "csrc/ops/gpu/kernels.h"
#include "csrc/ops/gpu/segments.h"
#include "csrc/ops/gpu/stream.h"
#include "csrc/ops/rnn_cell.h"
#include "cuda/memory.h"

namespace tfrnn {

template <typename TFType>
class GpuEngine {
 public:
  using TF = TFType;
  using T = typename Storage<TF>::type;
  using Kernels = GpuKernels<T>;

  template <template <typename> class Cell>
  static const Kernels& KernelsOf() {
    return GpuKernelsOf<Cell, T>();
  }

  explicit GpuEngine(const RnnCell<GpuEngine>& cell) : kernels_(*cell.kernels) {}

  // Chooses the kernels.
  absl::Status Prepare(tensorflow::OpKernelContext*, Call<T>* call) const {
    call->options.shared_dropout = call->shared_dropout;
    call->options.general = !cuda::GeneralReason(FeaturesOf(*call)).empty();
    return absl::OkStatus();
  }

  // Bytes of the reserve space of a call that keeps all.
  int64_t ReserveBytes(const RnnShape& shape, const RnnOptions& options) const {
    return static_cast<int64_t>(kernels_.reserve_bytes(shape, options));
  }

  // Each runs a pass of `count` directions.
  absl::Status Run(tensorflow::OpKernelContext* ctx, ForwardArgs<T>* args, int count) {
    cuda::Plan plan;
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(
        PlanFor(cuda::Pass::kForward, args[0], count, PutsOutStates(args[0]), &plan));
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    TF_RETURN_IF_ERROR(
        launch.Allocate(ctx, kernels_.forward_workspace(args, count, plan), &args[0].workspace));
    return ToStatus(kernels_.forward(args, count, launch.options, plan, launch.stream));
  }

  absl::Status Run(tensorflow::OpKernelContext* ctx, BackwardArgs<T>* args, int count) {
    cuda::Plan plan;
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(
        PlanFor(cuda::Pass::kBackward, args[0], count, PutsOutStates(args[0]), &plan));
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    for (int d = 0; d < count; ++d) {
      BackwardArgs<T>& a = args[d];
      if (a.dgates == a.reserve_space) continue;
      // The kernels replace what was saved.
      const std::size_t kept = kernels_.reserve_bytes(a.shape, a.options);
      TF_RETURN_IF_ERROR(ToStatus(cuda::Copy(a.dgates, a.reserve_space, kept, launch.stream)));
      a.reserve_space = a.dgates;
    }
    TF_RETURN_IF_ERROR(
        launch.Allocate(ctx, kernels_.backward_workspace(args, count, plan), &args[0].workspace));
    return ToStatus(kernels_.backward(args, count, launch.options, plan, launch.stream));
  }

  absl::Status Run(tensorflow::OpKernelContext* ctx, InputGradientArgs<T>* args, int count) {
    return Products(ctx, args, count, kernels_.input_gradient_workspace, kernels_.input_gradient);
  }
  absl::Status Run(tensorflow::OpKernelContext* ctx, WeightGradientArgs<T>* args, int count) {
    return Products(ctx, args, count, kernels_.weight_gradient_workspace, kernels_.weight_gradient);
  }

  // A call with `recompute`: of so many steps at once, and what is kept between them.
  Segments<T> SegmentsOf(const RnnShape& shape, const RnnOptions& options, int64_t steps) const {
    return {shape, steps, 0, static_cast<int64_t>(kernels_.carry_bytes(shape, options))};
  }
  // Directions take turns.
  absl::Status RunSegments(tensorflow::OpKernelContext* ctx, const Segments<T>& segments,
                           const ForwardArgs<T>* wholes, int count, uint8_t* const* kept) {
    cuda::Plan plan;
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(
        PlanFor(cuda::Pass::kForward, wholes[0], 1, PutsOutStates(wholes[0]), &plan));
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    GpuSegments<T> runs(ctx, kernels_, segments, launch);
    for (int d = 0; d < count; ++d) {
      TF_RETURN_IF_ERROR(runs.Forward(wholes[d], plan, kept[d]));
    }
    return absl::OkStatus();
  }
  absl::Status RunSegments(tensorflow::OpKernelContext* ctx, const Segments<T>& segments,
                           const RecomputedGradient<T>* wholes, int count) {
    cuda::Plan forward, backward;
    GpuLaunch launch;
    const bool states = PutsOutStates(wholes[0].backward);
    TF_RETURN_IF_ERROR(PlanFor(cuda::Pass::kForward, wholes[0].forward, 1, states, &forward));
    TF_RETURN_IF_ERROR(PlanFor(cuda::Pass::kBackward, wholes[0].backward, 1, states, &backward));
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    GpuSegments<T> runs(ctx, kernels_, segments, launch);
    for (int d = 0; d < count; ++d) {
      TF_RETURN_IF_ERROR(runs.Backward(wholes[d], forward, backward));
    }
    return absl::OkStatus();
  }

  absl::Status Clear(tensorflow::OpKernelContext* ctx, void* data, std::size_t bytes) const {
    cuda::Stream stream = nullptr;
    TF_RETURN_IF_ERROR(StreamOf(ctx, &stream));
    return ToStatus(cuda::Clear(data, bytes, stream));
  }

 private:
  static constexpr bool kFloat = std::is_same_v<T, float>;

  // What the arguments of both passes of the recurrence show.
  template <typename Args>
  static cuda::Features FeaturesOf(const Args& args) {
    cuda::Features features = cuda::FeaturesOf(args.options);
    features.projection = args.projection != nullptr;
    features.vectors = args.vectors != nullptr;
    features.state_dropout = args.state_dropout != nullptr;
    features.per_gate_dropout = args.recurrent_dropout != nullptr && !args.options.shared_dropout;
    return features;
  }

  absl::Status Begin(tensorflow::OpKernelContext* ctx, GpuLaunch* launch) {
    launch->options.exact = !kFloat || !AllowsTf32();
    return calls_.Begin(ctx, launch);
  }

  // Directions take turns with the same memory.
  template <typename Args>
  absl::Status Products(tensorflow::OpKernelContext* ctx, Args* args, int count,
                        std::size_t (*workspace_bytes)(const Args&),
                        cuda::Error (*run)(const Args&, const cuda::CallOptions&, cuda::Stream)) {
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    void* workspace = nullptr;
    TF_RETURN_IF_ERROR(launch.Allocate(ctx, workspace_bytes(args[0]), &workspace));
    for (int d = 0; d < count; ++d) {
      args[d].workspace = workspace;
      TF_RETURN_IF_ERROR(ToStatus(run(args[d], launch.options, launch.stream)));
    }
    return absl::OkStatus();
  }

  template <typename Args>
  absl::Status PlanFor(cuda::Pass pass, const Args& args, int directions, bool puts_out_states,
                       cuda::Plan* plan) {
    cuda::Call call;
    call.cell = kernels_.cell, call.dtype = cuda::ElementOf<T>(), call.pass = pass;
    call.batch = args.shape.batch, call.units = args.shape.units, call.directions = directions;
    call.tf32 = kFloat && AllowsTf32();
    call.features = FeaturesOf(args);
    call.features.cell_states = puts_out_states;
    return calls_.PlanFor(call, plan);
  }

  const Kernels& kernels_;
  GpuCalls calls_;
};

}  // namespace tfrnn
