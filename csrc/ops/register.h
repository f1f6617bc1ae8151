// Declares a cell's five ops (see signature.h) and registers their CPU kernels for every dtype.
#pragma once

#include "csrc/ops/forward_op.h"
#include "csrc/ops/gradient_ops.h"
#include "csrc/ops/recompute_op.h"
#include "csrc/ops/shapes.h"
#include "csrc/ops/signature.h"

namespace tfrnn {

// An op of the cell that Select::Cell<TF>(construction context) describes.
template <template <typename> class Op, typename Select, typename TF>
class OpOf : public Op<TF> {
 public:
  explicit OpOf(OpKernelConstruction* c) : Op<TF>(c, Select::template Cell<TF>(c)) {}
};

#define TFRNN_REGISTER_KERNEL(name, Op, Select, TF)                                          \
  REGISTER_KERNEL_BUILDER(Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<TF>("T"), \
                          OpOf<Op, Select, TF>)

#define TFRNN_REGISTER_CELL_FOR(name, Select, TF)                       \
  TFRNN_REGISTER_KERNEL(name, ForwardOp, Select, TF);                   \
  TFRNN_REGISTER_KERNEL(name "Grad", GradOp, Select, TF);               \
  TFRNN_REGISTER_KERNEL(name "GradInput", GradInputOp, Select, TF);     \
  TFRNN_REGISTER_KERNEL(name "GradWeights", GradWeightsOp, Select, TF); \
  TFRNN_REGISTER_KERNEL(name "GradRecompute", GradRecomputeOp, Select, TF)

#define TFRNN_REGISTER_CELL(name, Select)                 \
  TFRNN_REGISTER_CELL_FOR(name, Select, Eigen::half);     \
  TFRNN_REGISTER_CELL_FOR(name, Select, Eigen::bfloat16); \
  TFRNN_REGISTER_CELL_FOR(name, Select, float);           \
  TFRNN_REGISTER_CELL_FOR(name, Select, double)

}  // namespace tfrnn
