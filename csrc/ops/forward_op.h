// The forward op of every cell.
#pragma once

#include "csrc/ops/op_base.h"

namespace tfrnn {

// Inputs: x, S initial states, kernel, recurrent_kernel, bias, mask, input_dropout,
// recurrent_dropout.
// Outputs: outputs, S final states, reserve_space.
template <typename TF>
class ForwardOp : public RnnOp<TF> {
  using Base = RnnOp<TF>;
  using typename Base::T;

 public:
  ForwardOp(OpKernelConstruction* c, RnnCell<TF> cell) : Base(c, std::move(cell)) {
    OP_REQUIRES_OK(c, c->GetAttr("keep_reserve", &keep_reserve_));
  }

  void Compute(OpKernelContext* ctx) override {
    const CellCounts& counts = this->cell_.counts;
    const int after_states = counts.states + 1;
    const Tensor& x = ctx->input(0);
    const Tensor& kernel = ctx->input(after_states);
    const Tensor& recurrent_kernel = ctx->input(after_states + 1);
    const Tensor& bias = ctx->input(after_states + 2);
    OP_REQUIRES_OK(ctx, CheckRank("x", x, 3));
    OP_REQUIRES_OK(ctx, CheckRank("recurrent_kernel", recurrent_kernel, 2));

    ForwardArgs<T> args;
    RnnShape& shape = args.shape;
    shape = this->ShapeOf(x);
    shape.input = x.dim_size(2);
    shape.units = recurrent_kernel.dim_size(0);
    args.options = this->options_;
    const int64_t gates = counts.gates * shape.units;
    OP_REQUIRES(ctx, shape.units > 0,
                absl::InvalidArgumentError("recurrent_kernel must have at least one row (units), "
                                           "found shape " +
                                           recurrent_kernel.shape().DebugString()));
    OP_REQUIRES_OK(ctx, CheckShape("kernel", kernel, TensorShape({shape.input, gates})));
    OP_REQUIRES_OK(
        ctx, CheckShape("recurrent_kernel", recurrent_kernel, TensorShape({shape.units, gates})));
    if (!Absent(bias)) {
      OP_REQUIRES_OK(ctx, CheckShape("bias", bias,
                                     counts.biases == 1 ? TensorShape({gates})
                                                        : TensorShape({counts.biases, gates})));
      args.bias = Base::Data(bias);
    }
    OP_REQUIRES_OK(ctx, this->ReadMask(ctx->input(after_states + 3), shape, &args.mask));
    OP_REQUIRES_OK(ctx, this->ReadDropout("input_dropout", ctx->input(after_states + 4), shape,
                                          shape.input, &args.input_dropout));
    OP_REQUIRES_OK(ctx, this->ReadDropout("recurrent_dropout", ctx->input(after_states + 5), shape,
                                          shape.units, &args.recurrent_dropout));
    args.x = Base::Data(x);
    args.kernel = Base::Data(kernel);
    args.recurrent_kernel = Base::Data(recurrent_kernel);

    const TensorShape state({shape.batch, shape.units});
    Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, this->RowsShape(shape, shape.units), &output));
    args.outputs = Base::Data(output);
    for (int s = 0; s < counts.states; ++s) {
      OP_REQUIRES_OK(ctx, CheckShape(s == 0 ? "initial_h" : "initial_c", ctx->input(1 + s), state));
      args.initial[s] = Base::Data(ctx->input(1 + s));
      OP_REQUIRES_OK(ctx, ctx->allocate_output(1 + s, state, &output));
      args.final[s] = Base::Data(output);
    }
    const auto reserve_bytes =
        keep_reserve_ ? static_cast<int64_t>(this->cell_.kernels->reserve_bytes(shape)) : 0;
    OP_REQUIRES_OK(ctx,
                   ctx->allocate_output(1 + counts.states, TensorShape({reserve_bytes}), &output));
    if (reserve_bytes > 0) args.reserve_space = output->flat<uint8_t>().data();
    OP_REQUIRES_OK(ctx, this->Launch(ctx, args, this->cell_.kernels->forward_workspace,
                                     this->cell_.kernels->forward));
  }

 private:
  bool keep_reserve_ = true;
};

}  // namespace tfrnn
