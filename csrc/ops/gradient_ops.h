// The gradient of every cell's op, in three ops, so that TensorFlow prunes what nobody uses.
#pragma once

#include "csrc/ops/op_base.h"

namespace tfrnn {

// dgates comes from the matching reserve_space, whose size only the engine knows.
inline absl::Status CheckOpaque(const char* name, const Tensor& tensor, std::size_t bytes) {
  if (tensor.NumElements() == static_cast<int64_t>(bytes)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " must hold the ", bytes, " bytes of a forward op run with the same shapes and ",
      "keep_reserve=true on this machine, found ", tensor.NumElements()));
}

// The recurrence. Inputs: S initial states, recurrent_kernel, mask, recurrent_dropout, outputs,
// reserve_space, doutputs, S dfinal states. Outputs: S dinitial states, dgates.
template <typename TF>
class GradOp : public RnnOp<TF> {
  using Base = RnnOp<TF>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    const CellCounts& counts = this->cell_.counts;
    const int S = counts.states;
    const Tensor& recurrent_kernel = ctx->input(S);
    const Tensor& outputs = ctx->input(S + 3);
    const Tensor& reserve = ctx->input(S + 4);
    const Tensor& doutputs = ctx->input(S + 5);
    OP_REQUIRES_OK(ctx, CheckRank("outputs", outputs, 3));

    BackwardArgs<T> args;
    RnnShape& shape = args.shape;
    shape = this->ShapeOf(outputs);
    shape.units = outputs.dim_size(2);
    args.options = this->options_;
    OP_REQUIRES_OK(ctx, CheckShape("recurrent_kernel", recurrent_kernel,
                                   TensorShape({shape.units, counts.gates * shape.units})));
    OP_REQUIRES_OK(ctx, CheckShape("doutputs", doutputs, outputs.shape()));
    OP_REQUIRES_OK(
        ctx, CheckOpaque("reserve_space", reserve, this->cell_.kernels->reserve_bytes(shape)));
    OP_REQUIRES_OK(ctx, this->ReadMask(ctx->input(S + 1), shape, &args.mask));
    OP_REQUIRES_OK(ctx, this->ReadDropout("recurrent_dropout", ctx->input(S + 2), shape,
                                          shape.units, &args.recurrent_dropout));
    const TensorShape state({shape.batch, shape.units});
    Tensor* output = nullptr;
    for (int s = 0; s < S; ++s) {
      OP_REQUIRES_OK(ctx, CheckShape(s == 0 ? "initial_h" : "initial_c", ctx->input(s), state));
      OP_REQUIRES_OK(ctx,
                     CheckShape(s == 0 ? "dfinal_h" : "dfinal_c", ctx->input(S + 6 + s), state));
      args.initial[s] = Base::Data(ctx->input(s));
      args.dfinal[s] = Base::Data(ctx->input(S + 6 + s));
      OP_REQUIRES_OK(ctx, ctx->allocate_output(s, state, &output));
      args.dinitial[s] = Base::Data(output);
    }
    args.recurrent_kernel = Base::Data(recurrent_kernel);
    args.outputs = Base::Data(outputs);
    args.doutputs = Base::Data(doutputs);
    args.reserve_space = reserve.template flat<uint8_t>().data();
    // In the memory of reserve_space if nobody else reads that.
    OP_REQUIRES_OK(ctx,
                   ctx->forward_input_or_allocate_output({S + 4}, S, reserve.shape(), &output));
    args.dgates = output->template flat<uint8_t>().data();
    OP_REQUIRES_OK(ctx, this->Launch(ctx, args, this->cell_.kernels->backward_workspace,
                                     this->cell_.kernels->backward));
  }
};

// Inputs: x, kernel, mask, input_dropout, dgates. Output: dx.
template <typename TF>
class GradInputOp : public RnnOp<TF> {
  using Base = RnnOp<TF>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    const int gates = this->cell_.counts.gates;
    const Tensor& x = ctx->input(0);
    const Tensor& kernel = ctx->input(1);
    const Tensor& dgates = ctx->input(4);
    OP_REQUIRES_OK(ctx, CheckRank("x", x, 3));
    OP_REQUIRES_OK(ctx, CheckRank("kernel", kernel, 2));

    InputGradientArgs<T> args;
    RnnShape& shape = args.shape;
    shape = this->ShapeOf(x);
    shape.input = x.dim_size(2);
    shape.units = kernel.dim_size(1) / gates;
    args.options = this->options_;
    OP_REQUIRES_OK(ctx,
                   CheckShape("kernel", kernel, TensorShape({shape.input, gates * shape.units})));
    OP_REQUIRES_OK(ctx, CheckOpaque("dgates", dgates, this->cell_.kernels->reserve_bytes(shape)));
    OP_REQUIRES_OK(ctx, this->ReadMask(ctx->input(2), shape, &args.mask));
    OP_REQUIRES_OK(ctx, this->ReadDropout("input_dropout", ctx->input(3), shape, shape.input,
                                          &args.input_dropout));
    Tensor* dx = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, x.shape(), &dx));
    args.kernel = Base::Data(kernel);
    args.dgates = dgates.template flat<uint8_t>().data();
    args.dx = Base::Data(dx);
    OP_REQUIRES_OK(ctx, this->Launch(ctx, args, this->cell_.kernels->input_gradient_workspace,
                                     this->cell_.kernels->input_gradient));
  }
};

// Inputs: x, initial_h, mask, input_dropout, recurrent_dropout, outputs, dgates, bias. Outputs:
// dkernel, drecurrent_kernel, dbias.
template <typename TF>
class GradWeightsOp : public RnnOp<TF> {
  using Base = RnnOp<TF>;
  using typename Base::T;

 public:
  using Base::Base;

  void Compute(OpKernelContext* ctx) override {
    const CellCounts& counts = this->cell_.counts;
    const Tensor& x = ctx->input(0);
    const Tensor& initial_h = ctx->input(1);
    const Tensor& outputs = ctx->input(5);
    const Tensor& dgates = ctx->input(6);
    const Tensor& bias = ctx->input(7);
    OP_REQUIRES_OK(ctx, CheckRank("x", x, 3));
    OP_REQUIRES_OK(ctx, CheckRank("outputs", outputs, 3));

    WeightGradientArgs<T> args;
    RnnShape& shape = args.shape;
    shape = this->ShapeOf(x);
    shape.input = x.dim_size(2);
    shape.units = outputs.dim_size(2);
    args.options = this->options_;
    const int64_t gates = counts.gates * shape.units;
    OP_REQUIRES_OK(ctx, CheckShape("outputs", outputs, this->RowsShape(shape, shape.units)));
    OP_REQUIRES_OK(ctx,
                   CheckShape("initial_h", initial_h, TensorShape({shape.batch, shape.units})));
    OP_REQUIRES_OK(ctx, CheckOpaque("dgates", dgates, this->cell_.kernels->reserve_bytes(shape)));
    OP_REQUIRES(
        ctx, Absent(bias) || bias.NumElements() == counts.biases * gates,
        absl::InvalidArgumentError(absl::StrCat("bias must hold ", counts.biases * gates,
                                                " values or none, found ", bias.NumElements())));
    OP_REQUIRES_OK(ctx, this->ReadMask(ctx->input(2), shape, &args.mask));
    OP_REQUIRES_OK(ctx, this->ReadDropout("input_dropout", ctx->input(3), shape, shape.input,
                                          &args.input_dropout));
    OP_REQUIRES_OK(ctx, this->ReadDropout("recurrent_dropout", ctx->input(4), shape, shape.units,
                                          &args.recurrent_dropout));
    Tensor *dkernel = nullptr, *drecurrent_kernel = nullptr, *dbias = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, TensorShape({shape.input, gates}), &dkernel));
    OP_REQUIRES_OK(ctx,
                   ctx->allocate_output(1, TensorShape({shape.units, gates}), &drecurrent_kernel));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(2, bias.shape(), &dbias));
    args.x = Base::Data(x);
    args.initial_h = Base::Data(initial_h);
    args.outputs = Base::Data(outputs);
    args.dgates = dgates.template flat<uint8_t>().data();
    args.dkernel = Base::Data(dkernel);
    args.drecurrent_kernel = Base::Data(drecurrent_kernel);
    if (!Absent(bias)) args.dbias = Base::Data(dbias);
    OP_REQUIRES_OK(ctx, this->Launch(ctx, args, this->cell_.kernels->weight_gradient_workspace,
                                     this->cell_.kernels->weight_gradient));
  }
};

}  // namespace tfrnn
