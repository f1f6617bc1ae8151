// What all the ops do: read the attributes, check shapes, lend TensorFlow's threads and memory to
// the engine. No arithmetic.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "csrc/ops/rnn_cell.h"
#include "csrc/ops/tf_pool.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tfrnn {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

inline absl::Status CheckShape(const char* name, const Tensor& tensor, const TensorShape& want) {
  if (tensor.shape() == want) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must have shape ", want.DebugString(),
                                                 ", found ", tensor.shape().DebugString()));
}

inline absl::Status CheckRank(const char* name, const Tensor& tensor, int rank) {
  if (tensor.dims() == rank) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " must have rank ", rank, ", found shape ", tensor.shape().DebugString()));
}

// An optional argument is absent when it is a vector of no elements.
inline bool Absent(const Tensor& tensor) { return tensor.dims() == 1 && tensor.NumElements() == 0; }

template <typename TF>
class RnnOp : public OpKernel {
 public:
  using T = typename Storage<TF>::type;

  RnnOp(OpKernelConstruction* c, RnnCell<TF> cell) : OpKernel(c), cell_(std::move(cell)) {
    OP_REQUIRES_OK(c, c->GetAttr("time_major", &time_major_));
    OP_REQUIRES_OK(c, c->GetAttr("go_backwards", &options_.go_backwards));
    if (c->HasAttr("zero_output_for_mask")) {
      OP_REQUIRES_OK(c, c->GetAttr("zero_output_for_mask", &options_.zero_output_for_mask));
    }
  }

 protected:
  static const T* Data(const Tensor& tensor) {
    return reinterpret_cast<const T*>(tensor.flat<TF>().data());
  }
  static T* Data(Tensor* tensor) { return reinterpret_cast<T*>(tensor->flat<TF>().data()); }

  // time and batch from a tensor whose first two axes they are; `input` and `units` are set by
  // the caller.
  RnnShape ShapeOf(const Tensor& rows) const {
    RnnShape shape;
    shape.time = rows.dim_size(time_major_ ? 0 : 1);
    shape.batch = rows.dim_size(time_major_ ? 1 : 0);
    shape.time_major = time_major_;
    return shape;
  }

  TensorShape RowsShape(const RnnShape& shape, int64_t width) const {
    return time_major_ ? TensorShape({shape.time, shape.batch, width})
                       : TensorShape({shape.batch, shape.time, width});
  }

  // The mask's data, null when it is absent.
  absl::Status ReadMask(const Tensor& mask, const RnnShape& shape, const bool** data) const {
    *data = nullptr;
    if (Absent(mask)) return absl::OkStatus();
    const TensorShape want = time_major_ ? TensorShape({shape.time, shape.batch})
                                         : TensorShape({shape.batch, shape.time});
    if (const absl::Status status = CheckShape("mask", mask, want); !status.ok()) return status;
    if (mask.NumElements() > 0) *data = mask.flat<bool>().data();
    return absl::OkStatus();
  }

  // Dropout factors [gates, batch, width], null when they are absent.
  absl::Status ReadDropout(const char* name, const Tensor& factors, const RnnShape& shape,
                           int64_t width, const T** data) const {
    *data = nullptr;
    if (Absent(factors)) return absl::OkStatus();
    const TensorShape want({cell_.counts.gates, shape.batch, width});
    if (const absl::Status status = CheckShape(name, factors, want); !status.ok()) return status;
    if (factors.NumElements() > 0) *data = Data(factors);
    return absl::OkStatus();
  }

  // TensorFlow's intra-op threads, or none for work too small to share.
  cpu::Pool PoolFor(OpKernelContext* ctx, const RnnShape& shape) const {
    constexpr double kWorthSharing = 2e6;  // multiply-adds: less is over before a thread wakes up
    const double work = static_cast<double>(shape.time) * shape.batch * shape.units *
                        (shape.input + shape.units) * cell_.counts.gates;
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
  bool time_major_ = false;
  RnnOptions options_;
};

}  // namespace tfrnn
