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
  absl::Status Read(OpKernelContext* ctx, const char* opaque_name, Call<T>* call) const {
    TF_RETURN_IF_ERROR(Base::Read(ctx, call));
    const RnnShape& shape = call->shape;
    TF_RETURN_IF_ERROR(CheckShape("outputs", ctx->input(this->in_.outputs()),
                                  this->RowsShape(shape, shape.Hidden())));
    const Tensor& opaque = ctx->input(this->in_.opaque());
    const int64_t bytes = this->engine_.ReserveBytes(shape, call->options);
    if (opaque.NumElements() == bytes) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        opaque_name, " must hold the ", bytes, " bytes of a forward op run with the same shapes ",
        "and keep_reserve=true on this machine, found ", opaque.NumElements()));
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
    const CellCounts& counts = this->counts_;
    const Operands& in = this->in_;
    Call<T> call;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "reserve_space", &call));
    const RnnShape& shape = call.shape;
    BackwardArgs<T> args;
    args.shape = shape, args.options = call.options;
    args.recurrent_kernel = call.recurrent_kernel, args.bias = call.bias, args.mask = call.mask;
    args.recurrent_dropout = call.recurrent_dropout, args.vectors = call.vectors;
    args.layer_norm = call.layer_norm, args.projection = call.projection;
    args.outputs = Base::Data(ctx->input(in.outputs()));
    const Tensor& reserve = ctx->input(in.opaque());
    args.reserve_space = reserve.template flat<uint8_t>().data();

    const Tensor& doutputs = ctx->input(in.doutputs());
    OP_REQUIRES_OK(ctx, CheckShape("doutputs", doutputs, this->RowsShape(shape, shape.Hidden())));
    args.doutputs = Base::Data(doutputs);
    const Tensor& dcell_states = ctx->input(in.dstate_outputs());
    if (this->return_cell_states_) {
      OP_REQUIRES_OK(ctx,
                     CheckShape("dcell_states", dcell_states, this->RowsShape(shape, shape.units)));
      args.dstate_outputs[1] = Base::Data(dcell_states);
    }
    Tensor* output = nullptr;
    for (int s = 0; s < counts.states; ++s) {
      const TensorShape state = this->StateShape(shape, s);
      OP_REQUIRES_OK(ctx,
                     CheckShape(s == 0 ? "dfinal_h" : "dfinal_c", ctx->input(in.dfinal(s)), state));
      args.initial[s] = call.initial[s];
      args.dfinal[s] = Base::Data(ctx->input(in.dfinal(s)));
      OP_REQUIRES_OK(ctx, ctx->allocate_output(s, state, &output));
      args.dinitial[s] = Base::Data(output);
    }
    OP_REQUIRES_OK(ctx,
                   ctx->allocate_output(counts.states, ctx->input(in.vectors()).shape(), &output));
    if (call.vectors != nullptr) OP_REQUIRES_OK(ctx, Cleared(ctx, output, &args.dvectors));
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(counts.states + 1, ctx->input(in.layer_norm()).shape(), &output));
    if (call.layer_norm != nullptr) OP_REQUIRES_OK(ctx, Cleared(ctx, output, &args.dlayer_norm));
    // In the memory of reserve_space if nobody else reads that.
    OP_REQUIRES_OK(ctx, ctx->forward_input_or_allocate_output({in.opaque()}, counts.states + 2,
                                                              reserve.shape(), &output));
    args.dgates = output->template flat<uint8_t>().data();
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args));
  }

 private:
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
    Call<T> call;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "dgates", &call));
    InputGradientArgs<T> args;
    args.shape = call.shape, args.options = call.options;
    args.kernel = call.kernel, args.mask = call.mask, args.input_dropout = call.input_dropout;
    args.dgates = ctx->input(this->in_.opaque()).template flat<uint8_t>().data();
    Tensor* dx = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, ctx->input(this->in_.x()).shape(), &dx));
    args.dx = Base::Data(dx);
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args));
  }
};

template <typename Engine>
class GradWeightsOp : public GradientOp<Engine> {
  using Base = GradientOp<Engine>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    const Operands& in = this->in_;
    Call<T> call;
    OP_REQUIRES_OK(ctx, this->Read(ctx, "dgates", &call));
    WeightGradientArgs<T> args;
    args.shape = call.shape, args.options = call.options;
    args.x = call.x, args.initial_h = call.initial[0], args.mask = call.mask;
    args.input_dropout = call.input_dropout, args.recurrent_dropout = call.recurrent_dropout;
    args.outputs = Base::Data(ctx->input(in.outputs()));
    args.dgates = ctx->input(in.opaque()).template flat<uint8_t>().data();
    Tensor *dkernel, *drecurrent_kernel, *dbias, *dprojection;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, ctx->input(in.kernel()).shape(), &dkernel));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(1, ctx->input(in.recurrent_kernel()).shape(),
                                             &drecurrent_kernel));
    // With layer normalisation the gradient of the bias is that of the offsets.
    const bool has_bias = call.bias != nullptr && call.layer_norm == nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(2, has_bias ? ctx->input(in.bias()).shape() : TensorShape({0}),
                                  &dbias));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(3, ctx->input(in.projection()).shape(), &dprojection));
    args.dkernel = Base::Data(dkernel);
    args.drecurrent_kernel = Base::Data(drecurrent_kernel);
    if (has_bias) args.dbias = Base::Data(dbias);
    if (call.projection != nullptr) args.dprojection = Base::Data(dprojection);
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args));
  }
};

}  // namespace tfrnn
