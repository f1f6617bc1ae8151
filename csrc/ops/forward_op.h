// The forward op of every cell.
#pragma once

#include "csrc/core/segments.h"
#include "csrc/cpu/directions.h"
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
    const Segments<T> segments(shape, states, this->recompute_ > 0 ? this->recompute_ : shape.time);
    const bool recomputes = keep_reserve_ && this->recompute_ > 0;
    int64_t bytes = recomputes ? segments.bytes() : 0;
    if (keep_reserve_ && !recomputes) bytes = this->engine_.ReserveBytes(shape, calls.options());
    const Parts reserve_of(bytes, count);
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(2 + count * states, TensorShape({reserve_of.total}), &output));
    uint8_t* const reserve = output->flat<uint8_t>().data();
    if constexpr (Engine::kHasSegments) {
      if (recomputes) {
        OP_REQUIRES_OK(ctx, ForwardSegments(ctx, segments, args, count, reserve));
        return;
      }
    }
    for (int d = 0; d < count && bytes > 0; ++d) {
      args[d].reserve_space = reserve + d * reserve_of.stride;
    }
    OP_REQUIRES_OK(ctx, this->engine_.Run(ctx, args, count));
  }

 private:
  // One segment after the other, keeping the states between them.
  absl::Status ForwardSegments(OpKernelContext* ctx, const Segments<T>& segments,
                               const ForwardArgs<T>* wholes, int count, uint8_t* reserves) const {
    const auto& kernels = this->engine_.kernels();
    const auto pool = this->engine_.PoolFor(ctx, wholes[0].shape, count);
    ForwardArgs<T> first = wholes[0];
    first.shape = segments.Shape(0);
    const auto stride = cpu::WorkspaceStride(first, count, pool, kernels.forward_workspace);
    Tensor workspace;
    TF_RETURN_IF_ERROR(ctx->allocate_temp(
        tensorflow::DT_UINT8, TensorShape({static_cast<int64_t>(count * stride)}), &workspace));
    uint8_t* const memory = workspace.flat<uint8_t>().data();
    const Parts reserve_of(segments.bytes(), count);
    const auto own = cpu::PoolOfDirection(pool, count);
    cpu::ForDirections(pool, count, [&](int d) {
      uint8_t* const reserve = reserves + d * reserve_of.stride;
      for (int64_t i = 0; i < segments.count(); ++i) {
        ForwardArgs<T> args = wholes[d];
        args.shape = segments.Shape(i);
        args.workspace = memory + d * stride;
        args.packed = i > 0 && args.shape.time == first.shape.time;
        if (i > 0) {
          args.initial[0] = segments.H(reserve, i);
          args.carry_in = segments.Carry(reserve, i);
        }
        if (i + 1 < segments.count()) {
          args.final[0] = segments.H(reserve, i + 1);
          args.carry_out = segments.Carry(reserve, i + 1);
        }
        kernels.forward(args, own);
      }
    });
    return absl::OkStatus();
  }

  bool keep_reserve_ = true;
};

}  // namespace tfrnn
