// The gradient of every cell's op, in three ops, so that TensorFlow prunes what nobody uses. All
// take the operands of the forward op and the gradients of its results, whether they need them
// or not: so each has a gradient of its own, see tfrnn_ops/fused.
#pragma once

#include "csrc/ops/op_base.h"

namespace tfrnn {

template <typename Engine>
class GradientOp : public RnnOp<Engine> {
 public:
  using Base = RnnOp<Engine>;
  using Base::Base;
  using typename Base::T;

 protected:
  // The operands, and `outputs`, and an opaque tensor whose size only the engine knows.
  absl::Status Read(OpKernelContext* ctx, const char* opaque_name, Calls<T>* calls) const {
    TF_RETURN_IF_ERROR(Base::Read(ctx, calls));
    TF_RETURN_IF_ERROR(
        CheckShape("outputs", ctx->input(this->in_.outputs()), this->OutputsShape(calls->shape())));
    const Tensor& opaque = ctx->input(this->in_.opaque());
    const int64_t bytes = PartsOf(*calls).total;
    if (opaque.NumElements() == bytes) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        opaque_name, " must hold the ", bytes, " bytes of a forward op run with the same shapes ",
        "and keep_reserve=true on this machine, found ", opaque.NumElements()));
  }

  Parts PartsOf(const Calls<T>& calls) const {
    return {this->engine_.ReserveBytes(calls.shape(), calls.options()), calls.count};
  }
};

// The recurrence.
template <typename Engine>
class GradOp : public GradientOp<Engine> {
  using Base = GradientOp<Engine>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    const Operands& in = this->in_;
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "reserve_space", &calls));
    const RnnShape& shape = calls.shape();
    OP_REQUIRES_OK(ctx,
                   CheckShape("doutputs", ctx->input(in.doutputs()), this->OutputsShape(shape)));
    if (this->return_cell_states_) {
      OP_REQUIRES_OK(ctx, CheckShape("dcell_states", ctx->input(in.dstate_outputs()),
                                     this->RowsShape(shape, shape.units)));
    }
    const Parts parts = this->PartsOf(calls);
    const Tensor& reserve = ctx->input(in.opaque());
    // In the memory of reserve_space if nobody else reads that.
    Tensor* dgates = nullptr;
    OP_REQUIRES_OK(ctx, ctx->forward_input_or_allocate_output(
                            {in.opaque()}, calls.count * (this->counts_.states + 2),
                            reserve.shape(), &dgates));
    BackwardArgs<T> args[kMaxDirections];
    for (int d = 0; d < calls.count; ++d) {
      args[d] = BackwardArgsOf(calls.call[d]);
      args[d].outputs = Base::Data(ctx->input(in.outputs())) + d * shape.Hidden();
      args[d].doutputs = Base::Data(ctx->input(in.doutputs())) + d * shape.Hidden();
      if (this->return_cell_states_) {
        args[d].dstate_outputs[1] = Base::Data(ctx->input(in.dstate_outputs()));
      }
      args[d].reserve_space = reserve.template flat<uint8_t>().data() + d * parts.stride;
      args[d].dgates = dgates->template flat<uint8_t>().data() + d * parts.stride;
      OP_REQUIRES_OK(ctx, SetStates(ctx, d, shape, &args[d]));
    }
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args, calls.count));
  }

 private:
  // The gradients of a direction's last states, and the results but dgates.
  absl::Status SetStates(OpKernelContext* ctx, int d, const RnnShape& shape,
                         BackwardArgs<T>* args) const {
    const Operands& in = this->in_;
    const int states = this->counts_.states;
    Tensor* output = nullptr;
    for (int s = 0; s < states; ++s) {
      const TensorShape state = this->StateShape(shape, s);
      const Tensor& dfinal = ctx->input(in.dfinal(s, d));
      TF_RETURN_IF_ERROR(CheckShape(s == 0 ? "dfinal_h" : "dfinal_c", dfinal, state));
      args->dfinal[s] = Base::Data(dfinal);
      TF_RETURN_IF_ERROR(ctx->allocate_output(d * states + s, state, &output));
      args->dinitial[s] = Base::Data(output);
    }
    const int dvectors = in.directions * states + d;
    TF_RETURN_IF_ERROR(ctx->allocate_output(dvectors, ctx->input(in.vectors(d)).shape(), &output));
    if (args->vectors != nullptr) TF_RETURN_IF_ERROR(Cleared(ctx, output, &args->dvectors));
    TF_RETURN_IF_ERROR(ctx->allocate_output(dvectors + in.directions,
                                            ctx->input(in.layer_norm(d)).shape(), &output));
    if (args->layer_norm == nullptr) return absl::OkStatus();
    return Cleared(ctx, output, &args->dlayer_norm);
  }

  // Zeros, for a batch without rows: the engine then does nothing.
  absl::Status Cleared(OpKernelContext* ctx, Tensor* tensor, T** data) const {
    *data = Base::Data(tensor);
    return this->engine_.Clear(ctx, *data, tensor->NumElements() * sizeof(T));
  }
};

template <typename Engine>
class GradInputOp : public GradientOp<Engine> {
  using Base = GradientOp<Engine>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "dgates", &calls));
    const Parts parts = this->PartsOf(calls);
    const Tensor& dgates = ctx->input(this->in_.opaque());
    InputGradientArgs<T> args[kMaxDirections];
    for (int d = 0; d < calls.count; ++d) {
      const Call<T>& call = calls.call[d];
      OP_REQUIRES(ctx, call.indices == nullptr,
                  absl::InvalidArgumentError("x must be floating to have a gradient, found int32"));
      args[d] = InputGradientArgsOf(call);
      args[d].dgates = dgates.template flat<uint8_t>().data() + d * parts.stride;
      Tensor* dx = nullptr;
      OP_REQUIRES_OK(ctx, ctx->allocate_output(d, ctx->input(this->in_.x(d)).shape(), &dx));
      args[d].dx = Base::Data(dx);
    }
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args, calls.count));
  }
};

template <typename Engine>
class GradWeightsOp : public GradientOp<Engine> {
  using Base = GradientOp<Engine>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "dgates", &calls));
    const Parts parts = this->PartsOf(calls);
    const Tensor& dgates = ctx->input(this->in_.opaque());
    WeightGradientArgs<T> args[kMaxDirections];
    for (int d = 0; d < calls.count; ++d) {
      const Call<T>& call = calls.call[d];
      args[d] = WeightGradientArgsOf(call);
      args[d].outputs = Base::Data(ctx->input(this->in_.outputs())) + d * call.shape.Hidden();
      args[d].dgates = dgates.template flat<uint8_t>().data() + d * parts.stride;
      OP_REQUIRES_OK(ctx, SetResults(ctx, d, call, &args[d]));
    }
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args, calls.count));
  }

 private:
  absl::Status SetResults(OpKernelContext* ctx, int d, const Call<T>& call,
                          WeightGradientArgs<T>* args) const {
    const Operands& in = this->in_;
    Tensor* output = nullptr;
    int index = d;
    const auto allocate = [&](const TensorShape& shape, T** data, bool present) {
      TF_RETURN_IF_ERROR(ctx->allocate_output(index, shape, &output));
      index += in.directions;
      if (present) *data = Base::Data(output);
      return absl::OkStatus();
    };
    const auto like = [&](int operand) { return ctx->input(operand).shape(); };
    TF_RETURN_IF_ERROR(allocate(like(in.kernel(d)), &args->dkernel, true));
    TF_RETURN_IF_ERROR(allocate(like(in.recurrent_kernel(d)), &args->drecurrent_kernel, true));
    // With layer normalisation the gradient of the bias is that of the offsets.
    const bool has_bias = call.bias != nullptr && call.layer_norm == nullptr;
    TF_RETURN_IF_ERROR(
        allocate(has_bias ? like(in.bias(d)) : TensorShape({0}), &args->dbias, has_bias));
    return allocate(like(in.projection(d)), &args->dprojection, call.projection != nullptr);
  }
};

}  // namespace tfrnn
