// The gradient of a call with `recompute` on the CPU engine, from the last segment to the first:
// each runs forward once more, from the states that were kept, and then backward.
#pragma once

#include "csrc/cpu/kernels.h"
#include "csrc/ops/segments.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tfrnn {

// Of one direction.
template <typename T>
class CpuRecomputed {
  using A = ComputeType<T>;
  using Tensor = tensorflow::Tensor;

 public:
  CpuRecomputed(const cpu::Kernels<T>& kernels, const Segments<T>& segments, int states,
                const cpu::Pool& pool, const RecomputedGradient<T>& whole)
      : kernels_(kernels), segments_(segments), states_(states), pool_(pool), whole_(whole) {}

  absl::Status Allocate(tensorflow::OpKernelContext* ctx) {
    const RnnShape part = segments_.Shape(0);
    const auto bytes = [&](Tensor* tensor, std::size_t count) {
      return ctx->allocate_temp(tensorflow::DT_UINT8,
                                tensorflow::TensorShape({static_cast<int64_t>(count)}), tensor);
    };
    TF_RETURN_IF_ERROR(bytes(&reserve_, kernels_.reserve_bytes(part, whole_.forward.options)));
    TF_RETURN_IF_ERROR(bytes(&outputs_, sizeof(T) * part.time * part.batch * part.Hidden()));
    for (int s = 0; s < states_; ++s) {
      TF_RETURN_IF_ERROR(
          bytes(&final_[s], sizeof(T) * part.batch * (s == 0 ? part.Hidden() : part.units)));
    }
    const int64_t carried = part.batch * (2 * part.Hidden() + (states_ - 1) * part.units);
    for (Tensor& carry : carry_) TF_RETURN_IF_ERROR(bytes(&carry, sizeof(A) * carried));
    BackwardArgs<T> backward = whole_.backward;
    InputGradientArgs<T> input = whole_.input;
    WeightGradientArgs<T> weights = whole_.weights;
    backward.shape = input.shape = weights.shape = part;
    TF_RETURN_IF_ERROR(bytes(&forward_, kernels_.forward_workspace(ForwardOf(part, 0), pool_)));
    TF_RETURN_IF_ERROR(bytes(&backward_, kernels_.backward_workspace(backward, pool_)));
    TF_RETURN_IF_ERROR(bytes(&input_, kernels_.input_gradient_workspace(input, pool_)));
    return bytes(&weights_, kernels_.weight_gradient_workspace(weights, pool_));
  }

  void Run() {
    for (int64_t i = segments_.count() - 1; i >= 0; --i) {
      const RnnShape part = segments_.Shape(i);
      const bool continues = i + 1 < segments_.count();
      // Whether the workspaces hold packed weights.
      const bool packed = continues && part.time == segments_.Shape(i + 1).time;
      ForwardArgs<T> forward = ForwardOf(part, i);
      forward.workspace = Data(forward_), forward.packed = packed;
      kernels_.forward(forward, pool_);
      Back(part, i, continues, packed);
    }
  }

 private:
  static void* Data(Tensor& tensor) { return tensor.flat<uint8_t>().data(); }

  ForwardArgs<T> ForwardOf(const RnnShape& part, int64_t i) {
    ForwardArgs<T> args = whole_.forward;
    args.shape = part;
    args.shape.local_outputs = true, args.shape.output_stride = 0;
    for (int s = 0; s < states_; ++s) args.final[s] = static_cast<T*>(Data(final_[s]));
    if (i > 0) {
      args.initial[0] = segments_.H(whole_.kept, i);
      args.carry_in = segments_.Carry(whole_.kept, i);
    }
    args.outputs = static_cast<T*>(Data(outputs_));
    args.reserve_space = Data(reserve_);
    return args;
  }

  // All gradients of a segment; the workspaces hold sums from segment to segment.
  void Back(const RnnShape& part, int64_t i, bool continues, bool packed) {
    BackwardArgs<T> args = whole_.backward;
    args.shape = part;
    if (i > 0) {
      args.initial[0] = segments_.H(whole_.kept, i);
      args.carry_in = segments_.Carry(whole_.kept, i);
    }
    args.reserve_space = args.dgates = Data(reserve_);
    args.dcarry_in = continues ? Data(carry_[(i + 1) % 2]) : nullptr;
    args.dcarry_out = Data(carry_[i % 2]);
    args.continues = continues;
    args.workspace = Data(backward_), args.packed = packed;
    kernels_.backward(args, pool_);

    if (whole_.input.dx != nullptr) {
      InputGradientArgs<T> input = whole_.input;
      input.shape = part, input.dgates = args.dgates;
      input.workspace = Data(input_), input.packed = packed;
      kernels_.input_gradient(input, pool_);
    }

    WeightGradientArgs<T> weights = whole_.weights;
    weights.shape = part, weights.initial_h = args.initial[0], weights.dgates = args.dgates;
    weights.continues = continues, weights.workspace = Data(weights_);
    kernels_.weight_gradient(weights, pool_);
  }

  const cpu::Kernels<T>& kernels_;
  const Segments<T>& segments_;
  const int states_;
  const cpu::Pool pool_;
  const RecomputedGradient<T>& whole_;
  Tensor reserve_, outputs_, final_[kMaxStates], carry_[2];
  Tensor forward_, backward_, input_, weights_;
};

}  // namespace tfrnn
