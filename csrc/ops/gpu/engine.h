// The CUDA kernels as the ops call them: on TensorFlow's stream and in its memory, never
// synchronising.
#pragma once

#include <type_traits>

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/ops/call.h"
#include "csrc/ops/gpu/calls.h"
#include "csrc/ops/gpu/stream.h"
#include "csrc/ops/rnn_cell.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/model.h"

namespace tfrnn {

// The name that plans know a cell by.
template <template <typename> class Cell>
struct GpuCell;
template <>
struct GpuCell<Lstm> {
  static constexpr cuda::Cell kName = cuda::Cell::kLstm;
};
template <>
struct GpuCell<Gru> {
  static constexpr cuda::Cell kName = cuda::Cell::kGru;
};
template <>
struct GpuCell<GruResetBefore> {
  static constexpr cuda::Cell kName = cuda::Cell::kGruResetBefore;
};
template <>
struct GpuCell<SimpleRnn> {
  static constexpr cuda::Cell kName = cuda::Cell::kSimpleRnn;
};
template <>
struct GpuCell<IndRnn> {
  static constexpr cuda::Cell kName = cuda::Cell::kIndRnn;
};

// The functions of a cuda::Layer.
template <typename T>
struct GpuKernels {
  cuda::Cell cell;
  decltype(&cuda::Layer<Lstm, T>::ReserveBytes) reserve_bytes;
  decltype(&cuda::Layer<Lstm, T>::ForwardWorkspace) forward_workspace;
  decltype(&cuda::Layer<Lstm, T>::BackwardWorkspace) backward_workspace;
  decltype(&cuda::Layer<Lstm, T>::InputGradientWorkspace) input_gradient_workspace;
  decltype(&cuda::Layer<Lstm, T>::WeightGradientWorkspace) weight_gradient_workspace;
  decltype(&cuda::Layer<Lstm, T>::Forward) forward;
  decltype(&cuda::Layer<Lstm, T>::Backward) backward;
  decltype(&cuda::Layer<Lstm, T>::InputGradient) input_gradient;
  decltype(&cuda::Layer<Lstm, T>::WeightGradient) weight_gradient;
};

template <typename TFType>
class GpuEngine {
 public:
  using TF = TFType;
  using T = typename Storage<TF>::type;
  using Kernels = GpuKernels<T>;
  static constexpr bool kHasSegments = false;

  template <template <typename> class Cell>
  static const Kernels& KernelsOf() {
    using L = cuda::Layer<Cell, T>;
    static constexpr Kernels kernels = {GpuCell<Cell>::kName,
                                        &L::ReserveBytes,
                                        &L::ForwardWorkspace,
                                        &L::BackwardWorkspace,
                                        &L::InputGradientWorkspace,
                                        &L::WeightGradientWorkspace,
                                        &L::Forward,
                                        &L::Backward,
                                        &L::InputGradient,
                                        &L::WeightGradient};
    return kernels;
  }

  explicit GpuEngine(const RnnCell<GpuEngine>& cell) : kernels_(*cell.kernels) {}

  // Chooses the kernels, or says why there are none for the call.
  absl::Status Prepare(tensorflow::OpKernelContext*, Call<T>* call) const {
    call->options.shared_dropout = call->shared_dropout;
    cuda::Features features = FeaturesOf(*call);
    features.input_dropout = call->input_dropout != nullptr;
    features.cell_states = call->cell_states;
    features.recompute = call->recompute;
    call->options.general = !cuda::GeneralReason(features).empty();
    const std::string missing = cuda::Unsupported(features);
    return missing.empty() ? absl::OkStatus() : absl::UnimplementedError(missing);
  }

  // Bytes of the reserve space of a call that keeps all.
  int64_t ReserveBytes(const RnnShape& shape, const RnnOptions& options) const {
    return static_cast<int64_t>(kernels_.reserve_bytes(shape, options));
  }

  // Each runs a pass of `count` directions.
  absl::Status Run(tensorflow::OpKernelContext* ctx, ForwardArgs<T>* args, int count) {
    cuda::Plan plan;
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(PlanFor(cuda::Pass::kForward, args[0], count, &plan));
    TF_RETURN_IF_ERROR(Begin(ctx, &launch));
    TF_RETURN_IF_ERROR(
        launch.Allocate(ctx, kernels_.forward_workspace(args, count, plan), &args[0].workspace));
    return ToStatus(kernels_.forward(args, count, launch.options, plan, launch.stream));
  }

  absl::Status Run(tensorflow::OpKernelContext* ctx, BackwardArgs<T>* args, int count) {
    cuda::Plan plan;
    GpuLaunch launch;
    TF_RETURN_IF_ERROR(PlanFor(cuda::Pass::kBackward, args[0], count, &plan));
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
  absl::Status PlanFor(cuda::Pass pass, const Args& args, int directions, cuda::Plan* plan) {
    cuda::Call call;
    call.cell = kernels_.cell, call.dtype = cuda::ElementOf<T>(), call.pass = pass;
    call.batch = args.shape.batch, call.units = args.shape.units, call.directions = directions;
    call.tf32 = kFloat && AllowsTf32();
    call.features = FeaturesOf(args);
    // Not in the arguments of both passes; whatever takes the general kernels takes the same plan.
    if (args.options.general) call.features.input_dropout = true;
    return calls_.PlanFor(call, plan);
  }

  const Kernels& kernels_;
  GpuCalls calls_;
};

}  // namespace tfrnn
