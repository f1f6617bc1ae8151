// A call with `recompute` on a GPU, segment by segment: see csrc/core/segments.h and, for what is a
// segment's own, cuda/launch.h.
#pragma once

#include <list>

#include "csrc/ops/gpu/calls.h"
#include "csrc/ops/gpu/kernels.h"
#include "csrc/ops/segments.h"
#include "cuda/memory.h"

namespace tfrnn {

// The rows of a segment's steps among those of the whole sequence, of so many bytes each. Where
// they do not lie together, a copy.
struct SegmentRows {
  RnnShape part;
  bool backwards = false;
  int64_t bytes = 0;

  bool Together() const { return part.time_major || part.batch == 1; }
  int64_t First() const { return backwards ? part.total - part.first - part.time : part.first; }
  template <typename Pointer>
  Pointer* In(Pointer* whole) const {
    using Byte = std::conditional_t<std::is_const_v<Pointer>, const uint8_t, uint8_t>;
    const int64_t rows = part.time_major ? part.batch : 1;
    return reinterpret_cast<Pointer*>(reinterpret_cast<Byte*>(whole) + First() * rows * bytes);
  }
  cuda::Error Read(const void* whole, void* copy, cuda::Stream stream) const {
    return cuda::CopyRows(copy, part.time * bytes, In(static_cast<const uint8_t*>(whole)),
                          part.total * bytes, part.time * bytes, part.batch, stream);
  }
  cuda::Error Write(const void* copy, void* whole, cuda::Stream stream) const {
    return cuda::CopyRows(In(static_cast<uint8_t*>(whole)), part.total * bytes, copy,
                          part.time * bytes, part.time * bytes, part.batch, stream);
  }
};

// Whether all cell states are asked for.
template <typename T>
bool PutsOutStates(const ForwardArgs<T>& args) {
  return args.state_outputs[1] != nullptr;
}
template <typename T>
bool PutsOutStates(const BackwardArgs<T>& args) {
  return args.dstate_outputs[1] != nullptr;
}

template <typename T>
class GpuSegments {
 public:
  GpuSegments(tensorflow::OpKernelContext* ctx, const GpuKernels<T>& kernels,
              const Segments<T>& segments, const GpuLaunch& launch)
      : ctx_(ctx), kernels_(kernels), segments_(segments), launch_(launch) {}

  // From the first to the last, keeping what each hands to the next.
  absl::Status Forward(const ForwardArgs<T>& whole, const cuda::Plan& plan, uint8_t* kept) {
    ForwardArgs<T> args = whole;
    args.shape = segments_.Shape(0);
    TF_RETURN_IF_ERROR(AllocateRows(whole));
    TF_RETURN_IF_ERROR(Take(kernels_.forward_workspace(&args, 1, plan), &args.workspace));
    for (int64_t i = 0; i < segments_.count(); ++i) {
      args.shape = segments_.Shape(i);
      TF_RETURN_IF_ERROR(ReadRows(whole, &args));
      args.carry_in = i > 0 ? segments_.Carry(kept, i) : nullptr;
      args.carry_out = i + 1 < segments_.count() ? segments_.Carry(kept, i + 1) : nullptr;
      TF_RETURN_IF_ERROR(
          ToStatus(kernels_.forward(&args, 1, launch_.options, plan, launch_.stream)));
    }
    return absl::OkStatus();
  }

  // From the last to the first: each forward once more, and then backward.
  absl::Status Backward(const RecomputedGradient<T>& whole, const cuda::Plan& forward_plan,
                        const cuda::Plan& backward_plan) {
    ForwardArgs<T> forward = whole.forward;
    BackwardArgs<T> backward = whole.backward;
    InputGradientArgs<T> input = whole.input;
    WeightGradientArgs<T> weights = whole.weights;
    const RnnShape longest = segments_.Shape(0);
    forward.shape = backward.shape = input.shape = weights.shape = longest;
    TF_RETURN_IF_ERROR(AllocateRows(whole.forward));
    void* results[2 + kMaxStates];
    const int64_t widths[] = {longest.time * longest.Hidden(), longest.Hidden(), longest.units};
    for (int i = 0; i < 3; ++i) {
      TF_RETURN_IF_ERROR(Take(longest.batch * widths[i] * sizeof(T), &results[i]));
    }
    forward.outputs = static_cast<T*>(results[0]);
    forward.final[0] = static_cast<T*>(results[1]), forward.final[1] = static_cast<T*>(results[2]);
    if (PutsOutStates(whole.backward)) {  // else it would not be the same call
      TF_RETURN_IF_ERROR(
          Take(longest.time * longest.batch * longest.units * sizeof(T), &results[3]));
      forward.state_outputs[1] = static_cast<T*>(results[3]);
    }
    TF_RETURN_IF_ERROR(
        Take(kernels_.reserve_bytes(longest, forward.options), &forward.reserve_space));
    backward.reserve_space = backward.dgates = forward.reserve_space;
    input.dgates = weights.dgates = forward.reserve_space;
    TF_RETURN_IF_ERROR(
        Take(kernels_.forward_workspace(&forward, 1, forward_plan), &forward.workspace));
    TF_RETURN_IF_ERROR(
        Take(kernels_.backward_workspace(&backward, 1, backward_plan), &backward.workspace));
    TF_RETURN_IF_ERROR(Take(kernels_.input_gradient_workspace(input), &input.workspace));
    TF_RETURN_IF_ERROR(Take(kernels_.weight_gradient_workspace(weights), &weights.workspace));

    for (int64_t i = segments_.count() - 1; i >= 0; --i) {
      const RnnShape part = segments_.Shape(i);
      forward.shape = backward.shape = input.shape = weights.shape = part;
      forward.shape.local_outputs = true, forward.shape.output_stride = 0;
      TF_RETURN_IF_ERROR(ReadRows(whole.forward, &forward));
      forward.carry_in = i > 0 ? segments_.Carry(whole.kept, i) : nullptr;
      backward.mask = input.mask = weights.mask = forward.mask;
      backward.state_dropout = weights.state_dropout = forward.state_dropout;
      weights.x = forward.x, weights.indices = forward.indices;
      backward.continues = weights.continues = i + 1 < segments_.count();
      TF_RETURN_IF_ERROR(
          ToStatus(kernels_.forward(&forward, 1, launch_.options, forward_plan, launch_.stream)));
      TF_RETURN_IF_ERROR(ToStatus(
          kernels_.backward(&backward, 1, launch_.options, backward_plan, launch_.stream)));
      if (whole.input.dx != nullptr) TF_RETURN_IF_ERROR(InputGradient(whole, &input));
      TF_RETURN_IF_ERROR(
          ToStatus(kernels_.weight_gradient(weights, launch_.options, launch_.stream)));
    }
    return absl::OkStatus();
  }

 private:
  // Memory until the run ends. TensorFlow may give it to another op of the stream then.
  absl::Status Take(std::size_t bytes, void** data) {
    TF_RETURN_IF_ERROR(ctx_->allocate_temp(tensorflow::DT_UINT8,
                                           tensorflow::TensorShape({static_cast<int64_t>(bytes)}),
                                           &memory_.emplace_back()));
    *data = memory_.back().flat<uint8_t>().data();
    return absl::OkStatus();
  }

  SegmentRows RowsOf(const ForwardArgs<T>& args, int64_t bytes) const {
    return {args.shape, args.options.go_backwards, bytes};
  }
  int64_t InputBytes(const ForwardArgs<T>& args) const {
    return args.indices != nullptr ? sizeof(int32_t) : args.shape.input * sizeof(T);
  }

  // For the copies of a segment's rows.
  absl::Status AllocateRows(const ForwardArgs<T>& whole) {
    if (RowsOf(whole, 1).Together()) return absl::OkStatus();
    const RnnShape longest = segments_.Shape(0);
    const int64_t rows = longest.time * longest.batch;
    TF_RETURN_IF_ERROR(Take(rows * InputBytes(whole), &x_));
    TF_RETURN_IF_ERROR(Take(rows * InputBytes(whole), &dx_));
    return Take(rows, &mask_);
  }

  // The operands that a segment has of its own.
  absl::Status ReadRows(const ForwardArgs<T>& whole, ForwardArgs<T>* args) const {
    const SegmentRows x = RowsOf(*args, InputBytes(whole)), mask = RowsOf(*args, 1);
    if (whole.state_dropout != nullptr) {
      const RnnShape& part = args->shape;
      args->state_dropout = whole.state_dropout + part.first * part.batch * part.Hidden();
    }
    if (x.Together()) {
      if (whole.x != nullptr) args->x = x.In(whole.x);
      if (whole.indices != nullptr) args->indices = x.In(whole.indices);
      if (whole.mask != nullptr) args->mask = mask.In(whole.mask);
      return absl::OkStatus();
    }
    if (whole.x != nullptr) args->x = static_cast<const T*>(x_);
    if (whole.indices != nullptr) args->indices = static_cast<const int32_t*>(x_);
    const void* const rows = whole.x != nullptr ? static_cast<const void*>(whole.x) : whole.indices;
    TF_RETURN_IF_ERROR(ToStatus(x.Read(rows, x_, launch_.stream)));
    if (whole.mask == nullptr) return absl::OkStatus();
    args->mask = static_cast<const bool*>(mask_);
    return ToStatus(mask.Read(whole.mask, mask_, launch_.stream));
  }

  absl::Status InputGradient(const RecomputedGradient<T>& whole, InputGradientArgs<T>* args) const {
    const SegmentRows rows{args->shape, args->options.go_backwards,
                           static_cast<int64_t>(args->shape.input * sizeof(T))};
    args->dx = rows.Together() ? rows.In(whole.input.dx) : static_cast<T*>(dx_);
    TF_RETURN_IF_ERROR(ToStatus(kernels_.input_gradient(*args, launch_.options, launch_.stream)));
    if (rows.Together()) return absl::OkStatus();
    return ToStatus(rows.Write(dx_, whole.input.dx, launch_.stream));
  }

  tensorflow::OpKernelContext* const ctx_;
  const GpuKernels<T>& kernels_;
  const Segments<T>& segments_;
  const GpuLaunch& launch_;
  std::list<tensorflow::Tensor> memory_;
  void *x_ = nullptr, *dx_ = nullptr, *mask_ = nullptr;
};

}  // namespace tfrnn
