// The gradient of a forward op with `recompute`: all of it in one op, which the engine runs segment
// by segment from the last to the first.
#pragma once

#include <algorithm>

#include "csrc/ops/gradient_ops.h"
#include "csrc/ops/segments.h"

namespace tfrnn {

template <typename Engine>
class GradRecomputeOp : public RnnOp<Engine> {
  using Base = RnnOp<Engine>;
  using typename Base::T;

 public:
  GradRecomputeOp(OpKernelConstruction* c, const RnnCell<Engine>& cell) : Base(c, cell) {
    OP_REQUIRES_OK(c, c->GetAttr("skip_input", &skips_input_));
  }

  void Compute(OpKernelContext* ctx) override {
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, &calls));
    OP_REQUIRES(ctx, calls.call[0].indices == nullptr || skips_input_,
                absl::InvalidArgumentError("skip_input must be true where x is int32"));
    const RnnShape& shape = calls.shape();
    const Segments<T> segments =
        this->engine_.SegmentsOf(shape, calls.options(), std::max(1, this->recompute_));
    const Parts parts(segments.bytes(), calls.count);
    const Tensor& reserve = ctx->input(this->in_.opaque());
    OP_REQUIRES(ctx, this->recompute_ > 0 && reserve.NumElements() == parts.total,
                absl::InvalidArgumentError(absl::StrCat(
                    "reserve_space must hold the ", parts.total, " bytes of a forward op ",
                    "with the same shapes and recompute, found ", reserve.NumElements())));
    OP_REQUIRES_OK(ctx, CheckUpstream(ctx, shape));
    RecomputedGradient<T> wholes[kMaxDirections];
    for (int d = 0; d < calls.count; ++d) {
      wholes[d] = ArgsOf(ctx, calls.call[d], d);
      // The engine only reads the states that were kept.
      wholes[d].kept =
          const_cast<uint8_t*>(reserve.template flat<uint8_t>().data()) + d * parts.stride;
      OP_REQUIRES_OK(ctx, Allocate(ctx, calls.call[d], d, &wholes[d]));
    }
    OP_REQUIRES_OK(ctx, this->engine_.RunSegments(ctx, segments, wholes, calls.count));
  }

 private:
  absl::Status CheckUpstream(OpKernelContext* ctx, const RnnShape& shape) const {
    const Operands& in = this->in_;
    const TensorShape rows = this->OutputsShape(shape);
    TF_RETURN_IF_ERROR(CheckShape("outputs", ctx->input(in.outputs()), rows));
    TF_RETURN_IF_ERROR(CheckShape("doutputs", ctx->input(in.doutputs()), rows));
    for (int d = 0; d < in.directions; ++d) {
      for (int s = 0; s < this->counts_.states; ++s) {
        TF_RETURN_IF_ERROR(CheckShape(s == 0 ? "dfinal_h" : "dfinal_c", ctx->input(in.dfinal(s, d)),
                                      this->StateShape(shape, s)));
      }
    }
    if (!this->return_cell_states_) return absl::OkStatus();
    return CheckShape("dcell_states", ctx->input(in.dstate_outputs()),
                      this->RowsShape(shape, shape.units));
  }

  // The operands of a direction's passes.
  RecomputedGradient<T> ArgsOf(OpKernelContext* ctx, const Call<T>& call, int d) const {
    const Operands& in = this->in_;
    RecomputedGradient<T> whole;
    whole.forward = ForwardArgsOf(call);
    BackwardArgs<T>& back = whole.backward;
    back = BackwardArgsOf(call);
    back.outputs = Base::Data(ctx->input(in.outputs())) + d * call.shape.Hidden();
    back.doutputs = Base::Data(ctx->input(in.doutputs())) + d * call.shape.Hidden();
    if (this->return_cell_states_) {
      back.dstate_outputs[1] = Base::Data(ctx->input(in.dstate_outputs()));
    }
    for (int s = 0; s < this->counts_.states; ++s) {
      back.dfinal[s] = Base::Data(ctx->input(in.dfinal(s, d)));
    }
    whole.input = InputGradientArgsOf(call);
    whole.weights = WeightGradientArgsOf(call);
    whole.weights.outputs = back.outputs;
    return whole;
  }

  // Output `index` like an operand, zero at first: the engine leaves it so without rows.
  absl::Status Like(OpKernelContext* ctx, int index, const TensorShape& shape, T** data) const {
    Tensor* output = nullptr;
    TF_RETURN_IF_ERROR(ctx->allocate_output(index, shape, &output));
    *data = output->NumElements() > 0 ? Base::Data(output) : nullptr;
    return this->engine_.Clear(ctx, *data, output->NumElements() * sizeof(T));
  }

  absl::Status Allocate(OpKernelContext* ctx, const Call<T>& call, int d,
                        RecomputedGradient<T>* g) const {
    const Operands& in = this->in_;
    const int states = this->counts_.states;
    for (int s = 0; s < states; ++s) {
      TF_RETURN_IF_ERROR(Like(ctx, d * states + s, ctx->input(in.initial(s, d)).shape(),
                              &g->backward.dinitial[s]));
    }
    int index = in.directions * states + d;
    const auto next = [&](const TensorShape& shape, T** data) {
      TF_RETURN_IF_ERROR(Like(ctx, index, shape, data));
      index += in.directions;
      return absl::OkStatus();
    };
    const auto like = [&](int operand) { return ctx->input(operand).shape(); };
    TF_RETURN_IF_ERROR(next(like(in.vectors(d)), &g->backward.dvectors));
    TF_RETURN_IF_ERROR(next(like(in.layer_norm(d)), &g->backward.dlayer_norm));
    TF_RETURN_IF_ERROR(next(skips_input_ ? TensorShape({0}) : like(in.x(d)), &g->input.dx));
    TF_RETURN_IF_ERROR(next(like(in.kernel(d)), &g->weights.dkernel));
    TF_RETURN_IF_ERROR(next(like(in.recurrent_kernel(d)), &g->weights.drecurrent_kernel));
    const bool has_bias = call.bias != nullptr && call.layer_norm == nullptr;
    TF_RETURN_IF_ERROR(next(has_bias ? like(in.bias(d)) : TensorShape({0}), &g->weights.dbias));
    return next(like(in.projection(d)), &g->weights.dprojection);
  }

  bool skips_input_ = false;
};

}  // namespace tfrnn
