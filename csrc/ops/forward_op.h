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
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, &calls));
    const int count = calls.count;
    const RnnShape& shape = calls.shape();
    ForwardArgs<T> args[kMaxDirections];
    Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, this->OutputsShape(shape), &output));
    T* const outputs = Base::Data(output);
    for (int d = 0; d < count; ++d) {
      args[d] = ForwardArgsOf(calls.call[d]);
      args[d].outputs = outputs + d * shape.Hidden();
      for (int s = 0; s < states; ++s) {
        OP_REQUIRES_OK(
            ctx, ctx->allocate_output(1 + d * states + s, this->StateShape(shape, s), &output));
        args[d].final[s] = Base::Data(output);
      }
    }
    const bool returns = this->return_cell_states_;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(1 + count * states,
                                  returns ? this->RowsShape(shape, shape.units) : TensorShape({0}),
                                  &output));
    if (returns) args[0].state_outputs[1] = Base::Data(output);
    const Segments<T> segments = this->engine_.SegmentsOf(
        shape, calls.options(), this->recompute_ > 0 ? this->recompute_ : shape.time);
    const bool recomputes = keep_reserve_ && this->recompute_ > 0;
    int64_t bytes = recomputes ? segments.bytes() : 0;
    if (keep_reserve_ && !recomputes) bytes = this->engine_.ReserveBytes(shape, calls.options());
    const Parts reserve_of(bytes, count);
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(2 + count * states, TensorShape({reserve_of.total}), &output));
    uint8_t* reserves[kMaxDirections];
    for (int d = 0; d < count; ++d) {
      reserves[d] = output->flat<uint8_t>().data() + d * reserve_of.stride;
    }
    if (recomputes) {
      OP_REQUIRES_OK(ctx, this->engine_.RunSegments(ctx, segments, args, count, reserves));
      return;
    }
    for (int d = 0; d < count && bytes > 0; ++d) args[d].reserve_space = reserves[d];
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args, count));
  }

 private:
  bool keep_reserve_ = true;
};

}  // namespace tfrnn
