// What all the ops do, whatever their device: read the attributes and check the operands. No
// arithmetic.
#pragma once

#include "csrc/ops/call.h"
#include "csrc/ops/checks.h"
#include "csrc/ops/rnn_cell.h"
#include "csrc/ops/signature.h"

namespace tfrnn {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;

template <typename Engine>
class RnnOp : public OpKernel {
 public:
  using TF = typename Engine::TF;
  using T = typename Engine::T;

  RnnOp(OpKernelConstruction* c, const RnnCell<Engine>& cell)
      : OpKernel(c), counts_(cell.counts), in_{cell.counts.states}, engine_(cell) {
    int states;
    OP_REQUIRES_OK(c, c->GetAttr("states", &states));
    OP_REQUIRES_OK(c, c->GetAttr("directions", &in_.directions));
    OP_REQUIRES_OK(c, CheckDirections(counts_.states, states, in_.directions));
    OP_REQUIRES_OK(c, c->GetAttr("time_major", &time_major_));
    OP_REQUIRES_OK(c, c->GetAttr("go_backwards", &options_.go_backwards));
    OP_REQUIRES_OK(c, c->GetAttr("zero_output_for_mask", &options_.zero_output_for_mask));
    OP_REQUIRES_OK(c, c->GetAttr("training", &options_.training));
    OP_REQUIRES_OK(c, c->GetAttr("layer_norm_carry", &options_.layer_norm_carry));
    OP_REQUIRES_OK(c, c->GetAttr("return_cell_states", &return_cell_states_));
    OP_REQUIRES_OK(c, c->GetAttr("recompute", &recompute_));
    OP_REQUIRES(c, counts_.states > 1 || !return_cell_states_,
                absl::InvalidArgumentError("return_cell_states must be false: the cell has no "
                                           "state besides its output"));
    OP_REQUIRES(c, in_.directions == 1 || !return_cell_states_,
                absl::InvalidArgumentError("return_cell_states must be false with directions=2"));
    OP_REQUIRES_OK(c, ReadActivation(c, "activation", &options_.activation));
    OP_REQUIRES_OK(c, ReadActivation(c, "recurrent_activation", &options_.recurrent_activation));
    OP_REQUIRES_OK(c, ReadScalars(c, &options_));
  }

 protected:
  static const T* Data(const Tensor& tensor) {
    return reinterpret_cast<const T*>(tensor.flat<TF>().data());
  }
  static T* Data(Tensor* tensor) { return reinterpret_cast<T*>(tensor->flat<TF>().data()); }
  static const T* DataIfAny(const Tensor& tensor) {
    return Absent(tensor) ? nullptr : Data(tensor);
  }

  TensorShape RowsShape(const RnnShape& shape, int64_t width) const {
    return time_major_ ? TensorShape({shape.time, shape.batch, width})
                       : TensorShape({shape.batch, shape.time, width});
  }
  // [batch, H] of h, [batch, units] of the other states.
  TensorShape StateShape(const RnnShape& shape, int state) const {
    return TensorShape({shape.batch, state == 0 ? shape.Hidden() : shape.units});
  }

  // Checks all operands of a call, and reads those of every direction.
  absl::Status Read(OpKernelContext* ctx, Calls<T>* calls) const {
    calls->count = in_.directions;
    for (int d = 0; d < calls->count; ++d) {
      Call<T>& call = calls->call[d];
      TF_RETURN_IF_ERROR(Read(ctx, d, &call));
      if (calls->count == 1) continue;
      call.options.go_backwards ^= d > 0;
      call.options.reverse_outputs = d > 0;
      call.shape.output_stride = calls->count * call.shape.Hidden();
    }
    return calls->CheckAlike();
  }

  // The rows of the outputs of all directions, side by side.
  TensorShape OutputsShape(const RnnShape& shape) const {
    return RowsShape(shape, shape.OutputStride());
  }

  const CellCounts counts_;
  Operands in_;
  Engine engine_;
  bool return_cell_states_ = false;
  int recompute_ = 0;

 private:
  absl::Status Read(OpKernelContext* ctx, int d, Call<T>* call) const {
    const CellCounts& counts = counts_;
    const Tensor& x = ctx->input(in_.x(d));
    const Tensor& kernel = ctx->input(in_.kernel(d));
    const Tensor& projection = ctx->input(in_.projection(d));
    const bool gathers = x.dtype() == tensorflow::DT_INT32;
    if (!gathers && x.dtype() != kernel.dtype()) {
      return absl::InvalidArgumentError(
          absl::StrCat("x must be of type ", tensorflow::DataTypeString(kernel.dtype()),
                       " as the kernel, or int32, found ", tensorflow::DataTypeString(x.dtype())));
    }
    TF_RETURN_IF_ERROR(CheckRank("x", x, gathers ? 2 : 3));
    TF_RETURN_IF_ERROR(CheckRank("kernel", kernel, 2));
    RnnShape& shape = call->shape;
    shape.time = x.dim_size(time_major_ ? 0 : 1);
    shape.batch = x.dim_size(time_major_ ? 1 : 0);
    shape.time_major = time_major_;
    shape.input = gathers ? kernel.dim_size(0) : x.dim_size(2);
    shape.units = kernel.dim_size(1) / counts.gates;
    if (shape.units == 0) {
      return absl::InvalidArgumentError(
          "kernel must have columns for at least one unit, found "
          "shape " +
          kernel.shape().DebugString());
    }
    if (!Absent(projection)) {
      TF_RETURN_IF_ERROR(CheckRank("projection", projection, 2));
      shape.projection = projection.dim_size(1);
      if (!counts.emits || shape.projection == 0) {
        return absl::InvalidArgumentError(
            counts.emits ? "projection must have at least one column, found none"
                         : "projection must be absent: the cell has none");
      }
    }
    const int64_t units = shape.units, hidden = shape.Hidden(), gates = counts.gates * units;
    const auto check = [&](const char* name, int input, const TensorShape& want) {
      return CheckShape(name, ctx->input(input), want);
    };
    const auto check_any = [&](const char* name, int input, const TensorShape& want) {
      return Absent(ctx->input(input)) ? absl::OkStatus() : check(name, input, want);
    };
    TF_RETURN_IF_ERROR(check("kernel", in_.kernel(d), TensorShape({shape.input, gates})));
    TF_RETURN_IF_ERROR(check("recurrent_kernel", in_.recurrent_kernel(d),
                             counts.recurrent ? TensorShape({hidden, gates}) : TensorShape({0})));
    TF_RETURN_IF_ERROR(
        check_any("bias", in_.bias(d),
                  counts.biases == 1 ? TensorShape({gates}) : TensorShape({counts.biases, gates})));
    for (int s = 0; s < counts.states; ++s) {
      TF_RETURN_IF_ERROR(
          check(s == 0 ? "initial_h" : "initial_c", in_.initial(s, d), StateShape(shape, s)));
      call->initial[s] = Data(ctx->input(in_.initial(s, d)));
    }
    TF_RETURN_IF_ERROR(check_any("mask", in_.mask(),
                                 time_major_ ? TensorShape({shape.time, shape.batch})
                                             : TensorShape({shape.batch, shape.time})));
    TF_RETURN_IF_ERROR(check_any("input_dropout", in_.input_dropout(d),
                                 TensorShape({counts.gates, shape.batch, shape.input})));
    const Tensor& recurrent_dropout = ctx->input(in_.recurrent_dropout(d));
    call->shared_dropout = recurrent_dropout.dims() == 3 && recurrent_dropout.dim_size(0) == 1;
    TF_RETURN_IF_ERROR(
        check_any("recurrent_dropout", in_.recurrent_dropout(d),
                  TensorShape({call->shared_dropout ? 1 : counts.gates, shape.batch, hidden})));
    TF_RETURN_IF_ERROR(check_any("state_dropout", in_.state_dropout(d),
                                 TensorShape({shape.time, shape.batch, hidden})));
    if (gathers && !Absent(ctx->input(in_.input_dropout(d)))) {
      return absl::InvalidArgumentError("input_dropout must be absent where x is int32");
    }
    if (counts.vectors == 0 && !Absent(ctx->input(in_.vectors(d)))) {
      return absl::InvalidArgumentError("vectors must be absent: the cell has none");
    }
    TF_RETURN_IF_ERROR(check_any("vectors", in_.vectors(d), TensorShape({counts.vectors, units})));
    if (!counts.recurrent && Absent(ctx->input(in_.vectors(d)))) {
      return absl::InvalidArgumentError("vectors must hold the recurrent weights, found none");
    }
    TF_RETURN_IF_ERROR(
        check_any("layer_norm", in_.layer_norm(d), TensorShape({2, counts.layer_norm * units})));
    TF_RETURN_IF_ERROR(check_any("projection", in_.projection(d), TensorShape({units, hidden})));

    if (gathers) {
      call->indices = x.flat<int32_t>().data();
    } else {
      call->x = Data(x);
    }
    call->kernel = Data(kernel);
    if (counts.recurrent) call->recurrent_kernel = Data(ctx->input(in_.recurrent_kernel(d)));
    call->bias = DataIfAny(ctx->input(in_.bias(d)));
    const Tensor& mask = ctx->input(in_.mask());
    if (mask.NumElements() > 0) call->mask = mask.flat<bool>().data();
    call->input_dropout = DataIfAny(ctx->input(in_.input_dropout(d)));
    call->recurrent_dropout = DataIfAny(recurrent_dropout);
    call->state_dropout = DataIfAny(ctx->input(in_.state_dropout(d)));
    call->vectors = DataIfAny(ctx->input(in_.vectors(d)));
    call->layer_norm = DataIfAny(ctx->input(in_.layer_norm(d)));
    call->projection = DataIfAny(projection);
    call->options = options_;
    call->options.layer_norm = call->layer_norm != nullptr;
    TF_RETURN_IF_ERROR(ReadSeed(ctx->input(in_.seed(d)), &call->options));
    call->options.general = NeedsGeneralLoops(*call);
    return engine_.Prepare(ctx, call);
  }

  bool NeedsGeneralLoops(const Call<T>& call) const {
    const RnnOptions& o = call.options;
    return !counts_.recurrent || call.vectors != nullptr || call.layer_norm != nullptr ||
           call.projection != nullptr || call.state_dropout != nullptr || return_cell_states_ ||
           (call.indices != nullptr && call.recurrent_dropout != nullptr) ||
           o.activation != Activation::kTanh || o.recurrent_activation != Activation::kSigmoid ||
           (o.training && o.recurrent_dropout > 0) || o.zoneout > 0 || o.cell_zoneout > 0 ||
           o.cell_clip > 0;
  }

  bool time_major_ = false;
  RnnOptions options_;
};

}  // namespace tfrnn
