// The gradient of a forward op with `recompute`, segment by segment from the last to the first:
// each runs forward once more, from the states that were kept, and then backward.
#pragma once

#include <algorithm>

#include "csrc/core/segments.h"
#include "csrc/ops/cpu_engine.h"
#include "csrc/ops/gradient_ops.h"

namespace tfrnn {

template <typename Engine>
class GradRecomputeOp : public RnnOp<Engine> {
  using Base = RnnOp<Engine>;
  using typename Base::T;
  using typename Base::TF;
  using A = ComputeType<T>;

 public:
  GradRecomputeOp(OpKernelConstruction* c, const RnnCell<Engine>& cell) : Base(c, cell) {
    OP_REQUIRES_OK(c, c->GetAttr("skip_input", &skips_input_));
  }

  void Compute(OpKernelContext* ctx) override {
    const CellCounts& counts = this->counts_;
    const Operands& in = this->in_;
    Calls<T> calls;
    OP_REQUIRES_OK(ctx, this->Read(ctx, &calls));
    OP_REQUIRES(ctx, calls.call[0].indices == nullptr || skips_input_,
                absl::InvalidArgumentError("skip_input must be true where x is int32"));
    const RnnShape& shape = calls.shape();
    const Segments<T> segments(shape, counts.states, std::max(1, this->recompute_));
    const Parts parts(segments.bytes(), calls.count);
    const Tensor& reserve = ctx->input(in.opaque());
    OP_REQUIRES(ctx, this->recompute_ > 0 && reserve.NumElements() == parts.total,
                absl::InvalidArgumentError(absl::StrCat(
                    "reserve_space must hold the ", parts.total, " bytes of a forward op ",
                    "with the same shapes and recompute, found ", reserve.NumElements())));
    OP_REQUIRES_OK(ctx, CheckUpstream(ctx, shape));

    const cpu::Pool pool = this->engine_.PoolFor(ctx, shape, calls.count);
    Gradients gradients[kMaxDirections];
    Memory memory[kMaxDirections];
    for (int d = 0; d < calls.count; ++d) {
      memory[d].pool = cpu::PoolOfDirection(pool, calls.count);
      OP_REQUIRES_OK(ctx, Allocate(ctx, calls.call[d], d, &gradients[d]));
      OP_REQUIRES_OK(ctx, Allocate(ctx, calls.call[d], segments, &memory[d]));
    }
    cpu::ForDirections(pool, calls.count, [&](int d) {
      // The engine only reads the states that were kept.
      auto* const kept =
          const_cast<uint8_t*>(reserve.template flat<uint8_t>().data()) + d * parts.stride;
      for (int64_t i = segments.count() - 1; i >= 0; --i) {
        const RnnShape part = segments.Shape(i);
        memory[d].packed = i + 1 < segments.count() && part.time == segments.Shape(i + 1).time;
        Again(calls.call[d], part, i, segments, kept, memory[d]);
        Back(ctx, calls.call[d], d, part, i, segments, kept, memory[d], gradients[d]);
      }
    });
  }

 private:
  struct Gradients {
    T *dinitial[kMaxStates], *dvectors = nullptr, *dlayer_norm = nullptr, *dx;
    T *dkernel, *drecurrent_kernel, *dbias = nullptr, *dprojection = nullptr;
  };
  // Of one segment; the workspaces of the gradients hold sums from segment to segment.
  struct Memory {
    cpu::Pool pool;
    bool packed = false;  // the workspaces hold packed weights
    Tensor reserve, outputs, final[kMaxStates], carry[2];
    Tensor forward, backward, input, weights;
  };

  static void* Data8(Tensor& tensor) { return tensor.flat<uint8_t>().data(); }

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

  // Output `index` like an operand, zero at first: the engine leaves it so without rows.
  absl::Status Like(OpKernelContext* ctx, int index, const TensorShape& shape, T** data) const {
    Tensor* output = nullptr;
    TF_RETURN_IF_ERROR(ctx->allocate_output(index, shape, &output));
    output->flat<TF>().setZero();
    *data = output->NumElements() > 0 ? Base::Data(output) : nullptr;
    return absl::OkStatus();
  }

  absl::Status Allocate(OpKernelContext* ctx, const Call<T>& call, int d, Gradients* g) const {
    const Operands& in = this->in_;
    const int states = this->counts_.states;
    for (int s = 0; s < states; ++s) {
      TF_RETURN_IF_ERROR(
          Like(ctx, d * states + s, ctx->input(in.initial(s, d)).shape(), &g->dinitial[s]));
    }
    int index = in.directions * states + d;
    const auto next = [&](const TensorShape& shape, T** data) {
      TF_RETURN_IF_ERROR(Like(ctx, index, shape, data));
      index += in.directions;
      return absl::OkStatus();
    };
    const auto like = [&](int operand) { return ctx->input(operand).shape(); };
    TF_RETURN_IF_ERROR(next(like(in.vectors(d)), &g->dvectors));
    TF_RETURN_IF_ERROR(next(like(in.layer_norm(d)), &g->dlayer_norm));
    TF_RETURN_IF_ERROR(next(skips_input_ ? TensorShape({0}) : like(in.x(d)), &g->dx));
    TF_RETURN_IF_ERROR(next(like(in.kernel(d)), &g->dkernel));
    TF_RETURN_IF_ERROR(next(like(in.recurrent_kernel(d)), &g->drecurrent_kernel));
    const bool has_bias = call.bias != nullptr && call.layer_norm == nullptr;
    TF_RETURN_IF_ERROR(next(has_bias ? like(in.bias(d)) : TensorShape({0}), &g->dbias));
    return next(like(in.projection(d)), &g->dprojection);
  }

  absl::Status Allocate(OpKernelContext* ctx, const Call<T>& call, const Segments<T>& segments,
                        Memory* m) const {
    const auto& kernels = this->engine_.kernels();
    const RnnShape part = segments.Shape(0);
    const auto bytes = [&](Tensor* tensor, std::size_t count) {
      return ctx->allocate_temp(tensorflow::DT_UINT8, TensorShape({static_cast<int64_t>(count)}),
                                tensor);
    };
    TF_RETURN_IF_ERROR(bytes(&m->reserve, kernels.reserve_bytes(part, call.options)));
    TF_RETURN_IF_ERROR(bytes(&m->outputs, sizeof(T) * part.time * part.batch * part.Hidden()));
    for (int s = 0; s < this->counts_.states; ++s) {
      TF_RETURN_IF_ERROR(
          bytes(&m->final[s], sizeof(T) * part.batch * (s == 0 ? part.Hidden() : part.units)));
    }
    const int64_t carried =
        part.batch * (2 * part.Hidden() + (this->counts_.states - 1) * part.units);
    for (Tensor& carry : m->carry) TF_RETURN_IF_ERROR(bytes(&carry, sizeof(A) * carried));
    uint8_t anything = 0;  // for the pointers of which only their presence counts
    TF_RETURN_IF_ERROR(bytes(
        &m->forward,
        kernels.forward_workspace(ForwardOf(call, part, segments, 0, &anything, *m), m->pool)));
    TF_RETURN_IF_ERROR(
        bytes(&m->backward, kernels.backward_workspace(BackwardOf(call, part), m->pool)));
    TF_RETURN_IF_ERROR(
        bytes(&m->input, kernels.input_gradient_workspace(InputOf(call, part), m->pool)));
    WeightGradientArgs<T> weights = WeightsOf(call, part);
    if (call.projection != nullptr) weights.dprojection = reinterpret_cast<T*>(&anything);
    return bytes(&m->weights, kernels.weight_gradient_workspace(weights, m->pool));
  }

  static ForwardArgs<T> ForwardOf(const Call<T>& call, const RnnShape& part,
                                  const Segments<T>& segments, int64_t i, uint8_t* kept,
                                  Memory& m) {
    ForwardArgs<T> args = ForwardArgsOf(call);
    args.shape = part;
    args.shape.local_outputs = true, args.shape.output_stride = 0;
    for (int s = 0; s < kMaxStates; ++s) {
      if (m.final[s].NumElements() > 0) args.final[s] = static_cast<T*>(Data8(m.final[s]));
    }
    if (i > 0) args.initial[0] = segments.H(kept, i), args.carry_in = segments.Carry(kept, i);
    args.outputs = static_cast<T*>(Data8(m.outputs));
    args.reserve_space = Data8(m.reserve);
    return args;
  }
  static BackwardArgs<T> BackwardOf(const Call<T>& call, const RnnShape& part) {
    BackwardArgs<T> args;
    args.shape = part, args.options = call.options;
    args.recurrent_kernel = call.recurrent_kernel, args.bias = call.bias, args.mask = call.mask;
    args.recurrent_dropout = call.recurrent_dropout, args.state_dropout = call.state_dropout;
    args.vectors = call.vectors, args.layer_norm = call.layer_norm;
    args.projection = call.projection;
    return args;
  }
  static InputGradientArgs<T> InputOf(const Call<T>& call, const RnnShape& part) {
    InputGradientArgs<T> args;
    args.shape = part, args.options = call.options;
    args.kernel = call.kernel, args.mask = call.mask, args.input_dropout = call.input_dropout;
    return args;
  }
  static WeightGradientArgs<T> WeightsOf(const Call<T>& call, const RnnShape& part) {
    WeightGradientArgs<T> args;
    args.shape = part, args.options = call.options;
    args.x = call.x, args.indices = call.indices, args.mask = call.mask;
    args.input_dropout = call.input_dropout, args.recurrent_dropout = call.recurrent_dropout;
    args.state_dropout = call.state_dropout;
    return args;
  }

  // A segment forward once more.
  void Again(const Call<T>& call, const RnnShape& part, int64_t i, const Segments<T>& segments,
             uint8_t* kept, Memory& m) const {
    ForwardArgs<T> args = ForwardOf(call, part, segments, i, kept, m);
    args.workspace = Data8(m.forward), args.packed = m.packed;
    this->engine_.kernels().forward(args, m.pool);
  }

  // All gradients of a segment.
  void Back(OpKernelContext* ctx, const Call<T>& call, int d, const RnnShape& part, int64_t i,
            const Segments<T>& segments, uint8_t* kept, Memory& m, const Gradients& g) const {
    const auto& kernels = this->engine_.kernels();
    const Operands& in = this->in_;
    const bool continues = i + 1 < segments.count();
    const T* const h = i > 0 ? segments.H(kept, i) : call.initial[0];
    BackwardArgs<T> args = BackwardOf(call, part);
    args.outputs = Base::Data(ctx->input(in.outputs())) + d * part.Hidden();
    args.doutputs = Base::Data(ctx->input(in.doutputs())) + d * part.Hidden();
    if (this->return_cell_states_) {
      args.dstate_outputs[1] = Base::Data(ctx->input(in.dstate_outputs()));
    }
    for (int s = 0; s < this->counts_.states; ++s) {
      args.initial[s] = s == 0 ? h : call.initial[s];
      args.dfinal[s] = Base::Data(ctx->input(in.dfinal(s, d)));
      args.dinitial[s] = g.dinitial[s];
    }
    if (i > 0) args.carry_in = segments.Carry(kept, i);
    args.dvectors = g.dvectors, args.dlayer_norm = g.dlayer_norm;
    args.reserve_space = args.dgates = Data8(m.reserve);
    args.dcarry_in = continues ? Data8(m.carry[(i + 1) % 2]) : nullptr;
    args.dcarry_out = Data8(m.carry[i % 2]);
    args.continues = continues;
    args.workspace = Data8(m.backward), args.packed = m.packed;
    kernels.backward(args, m.pool);

    if (!skips_input_) {
      InputGradientArgs<T> input = InputOf(call, part);
      input.dgates = args.dgates, input.dx = g.dx;
      input.workspace = Data8(m.input), input.packed = m.packed;
      kernels.input_gradient(input, m.pool);
    }

    WeightGradientArgs<T> weights = WeightsOf(call, part);
    weights.initial_h = h, weights.outputs = args.outputs, weights.dgates = args.dgates;
    weights.dkernel = g.dkernel, weights.drecurrent_kernel = g.drecurrent_kernel;
    weights.dbias = g.dbias, weights.dprojection = g.dprojection;
    weights.continues = continues;
    weights.workspace = Data8(m.weights);
    kernels.weight_gradient(weights, m.pool);
  }

  bool skips_input_ = false;
};

}  // namespace tfrnn
