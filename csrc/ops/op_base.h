// What all the ops do: read the attributes, check the operands, lend TensorFlow's threads and
// memory to the engine. No arithmetic.
#pragma once

#include <utility>

#include "csrc/ops/checks.h"
#include "csrc/ops/rnn_cell.h"
#include "csrc/ops/signature.h"
#include "csrc/ops/tf_pool.h"

namespace tfrnn {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;

// The operands of a call, checked. Absent tensors are null.
template <typename T>
struct Call {
  RnnShape shape;
  RnnOptions options;
  const T *x, *initial[kMaxStates], *kernel, *recurrent_kernel = nullptr, *bias = nullptr;
  const bool* mask = nullptr;
  const T *input_dropout = nullptr, *recurrent_dropout = nullptr, *vectors = nullptr;
  const T *layer_norm = nullptr, *projection = nullptr;
};

template <typename TF>
class RnnOp : public OpKernel {
 public:
  using T = typename Storage<TF>::type;

  RnnOp(OpKernelConstruction* c, RnnCell<TF> cell)
      : OpKernel(c), cell_(std::move(cell)), in_{cell_.counts.states} {
    OP_REQUIRES(c, *cpu::IsaError() == '\0', absl::InvalidArgumentError(cpu::IsaError()));
    int states;
    OP_REQUIRES_OK(c, c->GetAttr("states", &states));
    OP_REQUIRES(c, states == cell_.counts.states,
                absl::InvalidArgumentError(absl::StrCat(
                    "initial_state must hold ", cell_.counts.states, " tensors, found ", states)));
    OP_REQUIRES_OK(c, c->GetAttr("time_major", &time_major_));
    OP_REQUIRES_OK(c, c->GetAttr("go_backwards", &options_.go_backwards));
    OP_REQUIRES_OK(c, c->GetAttr("zero_output_for_mask", &options_.zero_output_for_mask));
    OP_REQUIRES_OK(c, c->GetAttr("training", &options_.training));
    OP_REQUIRES_OK(c, c->GetAttr("layer_norm_carry", &options_.layer_norm_carry));
    OP_REQUIRES_OK(c, c->GetAttr("return_cell_states", &return_cell_states_));
    OP_REQUIRES_OK(c, c->GetAttr("recompute", &recompute_));
    OP_REQUIRES(c, cell_.counts.states > 1 || !return_cell_states_,
                absl::InvalidArgumentError("return_cell_states must be false: the cell has no "
                                           "state besides its output"));
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

  // Checks all operands of a call.
  absl::Status Read(OpKernelContext* ctx, Call<T>* call) const {
    const CellCounts& counts = cell_.counts;
    const Tensor& x = ctx->input(in_.x());
    const Tensor& kernel = ctx->input(in_.kernel());
    const Tensor& projection = ctx->input(in_.projection());
    TF_RETURN_IF_ERROR(CheckRank("x", x, 3));
    TF_RETURN_IF_ERROR(CheckRank("kernel", kernel, 2));
    RnnShape& shape = call->shape;
    shape.time = x.dim_size(time_major_ ? 0 : 1);
    shape.batch = x.dim_size(time_major_ ? 1 : 0);
    shape.time_major = time_major_;
    shape.input = x.dim_size(2);
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
    TF_RETURN_IF_ERROR(check("kernel", in_.kernel(), TensorShape({shape.input, gates})));
    TF_RETURN_IF_ERROR(check("recurrent_kernel", in_.recurrent_kernel(),
                             counts.recurrent ? TensorShape({hidden, gates}) : TensorShape({0})));
    TF_RETURN_IF_ERROR(
        check_any("bias", in_.bias(),
                  counts.biases == 1 ? TensorShape({gates}) : TensorShape({counts.biases, gates})));
    for (int s = 0; s < counts.states; ++s) {
      TF_RETURN_IF_ERROR(
          check(s == 0 ? "initial_h" : "initial_c", in_.initial(s), StateShape(shape, s)));
      call->initial[s] = Data(ctx->input(in_.initial(s)));
    }
    TF_RETURN_IF_ERROR(check_any("mask", in_.mask(),
                                 time_major_ ? TensorShape({shape.time, shape.batch})
                                             : TensorShape({shape.batch, shape.time})));
    TF_RETURN_IF_ERROR(check_any("input_dropout", in_.input_dropout(),
                                 TensorShape({counts.gates, shape.batch, shape.input})));
    TF_RETURN_IF_ERROR(check_any("recurrent_dropout", in_.recurrent_dropout(),
                                 TensorShape({counts.gates, shape.batch, hidden})));
    if (counts.vectors == 0 && !Absent(ctx->input(in_.vectors()))) {
      return absl::InvalidArgumentError("vectors must be absent: the cell has none");
    }
    TF_RETURN_IF_ERROR(check_any("vectors", in_.vectors(), TensorShape({counts.vectors, units})));
    if (!counts.recurrent && Absent(ctx->input(in_.vectors()))) {
      return absl::InvalidArgumentError("vectors must hold the recurrent weights, found none");
    }
    TF_RETURN_IF_ERROR(
        check_any("layer_norm", in_.layer_norm(), TensorShape({2, counts.layer_norm * units})));
    TF_RETURN_IF_ERROR(check_any("projection", in_.projection(), TensorShape({units, hidden})));

    call->x = Data(x);
    call->kernel = Data(kernel);
    if (counts.recurrent) call->recurrent_kernel = Data(ctx->input(in_.recurrent_kernel()));
    call->bias = DataIfAny(ctx->input(in_.bias()));
    const Tensor& mask = ctx->input(in_.mask());
    if (mask.NumElements() > 0) call->mask = mask.flat<bool>().data();
    call->input_dropout = DataIfAny(ctx->input(in_.input_dropout()));
    call->recurrent_dropout = DataIfAny(ctx->input(in_.recurrent_dropout()));
    call->vectors = DataIfAny(ctx->input(in_.vectors()));
    call->layer_norm = DataIfAny(ctx->input(in_.layer_norm()));
    call->projection = DataIfAny(projection);
    call->options = options_;
    call->options.layer_norm = call->layer_norm != nullptr;
    TF_RETURN_IF_ERROR(ReadSeed(ctx->input(in_.seed()), &call->options));
    call->options.general = NeedsGeneralLoops(*call);
    return absl::OkStatus();
  }

  // TensorFlow's intra-op threads, or none for work too small to share.
  cpu::Pool PoolFor(OpKernelContext* ctx, const RnnShape& shape) const {
    constexpr double kWorthSharing = 2e6;  // multiply-adds: less is over before a thread wakes up
    const double work = static_cast<double>(shape.time) * shape.batch * shape.units *
                        (shape.input + shape.Hidden()) * cell_.counts.gates;
    const auto* workers = ctx->device()->tensorflow_cpu_worker_threads();
    if (work < kWorthSharing || workers == nullptr || workers->num_threads < 2) return {};
    return PoolOn(workers->workers);
  }

  // Sizes the workspace of one engine call, then makes the call.
  template <typename Args>
  absl::Status Launch(OpKernelContext* ctx, Args args,
                      std::size_t (*workspace_bytes)(const Args&, const cpu::Pool&),
                      void (*run)(const Args&, const cpu::Pool&)) const {
    const cpu::Pool pool = PoolFor(ctx, args.shape);
    Tensor workspace;
    const absl::Status status = ctx->allocate_temp(
        tensorflow::DT_UINT8, TensorShape({static_cast<int64_t>(workspace_bytes(args, pool))}),
        &workspace);
    if (!status.ok()) return status;
    args.workspace = workspace.flat<uint8_t>().data();
    run(args, pool);
    return absl::OkStatus();
  }

  RnnCell<TF> cell_;
  const Operands in_;
  bool return_cell_states_ = false;
  int recompute_ = 0;

 private:
  bool NeedsGeneralLoops(const Call<T>& call) const {
    const RnnOptions& o = call.options;
    return !cell_.counts.recurrent || call.vectors != nullptr || call.layer_norm != nullptr ||
           call.projection != nullptr || return_cell_states_ || o.activation != Activation::kTanh ||
           o.recurrent_activation != Activation::kSigmoid ||
           (o.training && o.recurrent_dropout > 0) || o.zoneout > 0 || o.cell_zoneout > 0 ||
           o.cell_clip > 0;
  }

  bool time_major_ = false;
  RnnOptions options_;
};

}  // namespace tfrnn
