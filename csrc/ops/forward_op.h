// The forward op of every cell.
#pragma once

#include "csrc/core/segments.h"
#include "csrc/ops/op_base.h"

namespace tfrnn {

template <typename Engine>
class ForwardOp : public RnnOp<Engine> {
  using Base = RnnOp<Engine>;
  using typename Base::T;

 public:
  ForwardOp(OpKernelConstruction* c, const RnnCell<Engine>& cell) : Base(c, cell) {
    OP_REQUIRES_OK(c, c->GetAttr("keep_reserve", &keep_reserve_));
  }

  void Compute(OpKernelContext* ctx) override {
    const int states = this->counts_.states;
    Call<T> call;
    OP_REQUIRES_OK(ctx, this->Read(ctx, &call));
    const RnnShape& shape = call.shape;
    ForwardArgs<T> args;
    args.shape = shape, args.options = call.options;
    args.x = call.x, args.kernel = call.kernel, args.recurrent_kernel = call.recurrent_kernel;
    args.bias = call.bias, args.mask = call.mask;
    args.input_dropout = call.input_dropout, args.recurrent_dropout = call.recurrent_dropout;
    args.vectors = call.vectors, args.layer_norm = call.layer_norm;
    args.projection = call.projection;

    Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, this->RowsShape(shape, shape.Hidden()), &output));
    args.outputs = Base::Data(output);
    for (int s = 0; s < states; ++s) {
      args.initial[s] = call.initial[s];
      OP_REQUIRES_OK(ctx, ctx->allocate_output(1 + s, this->StateShape(shape, s), &output));
      args.final[s] = Base::Data(output);
    }
    const bool returns = this->return_cell_states_;
    OP_REQUIRES_OK(
        ctx,
        ctx->allocate_output(
            1 + states, returns ? this->RowsShape(shape, shape.units) : TensorShape({0}), &output));
    if (returns) args.state_outputs[1] = Base::Data(output);
    const Segments<T> segments(shape, states, this->recompute_ > 0 ? this->recompute_ : shape.time);
    const bool recomputes = keep_reserve_ && this->recompute_ > 0;
    int64_t reserve_bytes = recomputes ? segments.bytes() : 0;
    if (keep_reserve_ && !recomputes) {
      reserve_bytes = this->engine_.ReserveBytes(shape, args.options);
    }
    OP_REQUIRES_OK(ctx, ctx->allocate_output(2 + states, TensorShape({reserve_bytes}), &output));
    uint8_t* const reserve = output->flat<uint8_t>().data();
    if constexpr (Engine::kHasSegments) {
      if (recomputes) {
        OP_REQUIRES_OK(ctx, ForwardSegments(ctx, segments, args, reserve));
        return;
      }
    }
    if (reserve_bytes > 0) args.reserve_space = reserve;
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args));
  }

 private:
  // One segment after the other, keeping the states between them.
  absl::Status ForwardSegments(OpKernelContext* ctx, const Segments<T>& segments,
                               const ForwardArgs<T>& whole, uint8_t* reserve) const {
    const auto& kernels = this->engine_.kernels();
    const auto pool = this->engine_.PoolFor(ctx, whole.shape);
    ForwardArgs<T> first = whole;
    first.shape = segments.Shape(0);
    Tensor workspace;
    TF_RETURN_IF_ERROR(ctx->allocate_temp(
        tensorflow::DT_UINT8,
        TensorShape({static_cast<int64_t>(kernels.forward_workspace(first, pool))}), &workspace));
    for (int64_t i = 0; i < segments.count(); ++i) {
      ForwardArgs<T> args = whole;
      args.shape = segments.Shape(i);
      args.workspace = workspace.flat<uint8_t>().data();
      args.packed = i > 0 && args.shape.time == first.shape.time;
      if (i > 0) {
        args.initial[0] = segments.H(reserve, i);
        args.carry_in = segments.Carry(reserve, i);
      }
      if (i + 1 < segments.count()) {
        args.final[0] = segments.H(reserve, i + 1);
        args.carry_out = segments.Carry(reserve, i + 1);
      }
      kernels.forward(args, pool);
    }
    return absl::OkStatus();
  }

  bool keep_reserve_ = true;
};

}  // namespace tfrnn
