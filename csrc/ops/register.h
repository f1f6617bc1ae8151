// Registers the kernels of a cell's ops (see signature.h) for every dtype.
//
// `Builder` is a macro that makes a KernelDefBuilder out of an op's name, `Select` one of select.h,
// and `Engine` an engine, see rnn_cell.h.
#pragma once

#include "csrc/ops/forward_op.h"
#include "csrc/ops/gradient_ops.h"
#include "csrc/ops/recompute_op.h"

namespace tfrnn {

// An op of the cell that Select::Cell<Engine>(construction context) describes.
template <template <typename> class Op, typename Select, typename Engine>
class OpOf : public Op<Engine> {
 public:
  explicit OpOf(OpKernelConstruction* c) : Op<Engine>(c, Select::template Cell<Engine>(c)) {}
};

#define TFRNN_REGISTER_KERNEL_FOR(Builder, name, Op, Select, Engine, TF) \
  REGISTER_KERNEL_BUILDER(Builder(name).TypeConstraint<TF>("T"), OpOf<Op, Select, Engine<TF>>)

#define TFRNN_REGISTER_KERNEL(Builder, name, Op, Select, Engine)                 \
  TFRNN_REGISTER_KERNEL_FOR(Builder, name, Op, Select, Engine, Eigen::half);     \
  TFRNN_REGISTER_KERNEL_FOR(Builder, name, Op, Select, Engine, Eigen::bfloat16); \
  TFRNN_REGISTER_KERNEL_FOR(Builder, name, Op, Select, Engine, float);           \
  TFRNN_REGISTER_KERNEL_FOR(Builder, name, Op, Select, Engine, double)

#define TFRNN_REGISTER_CELL(Builder, name, Select, Engine)                           \
  TFRNN_REGISTER_KERNEL(Builder, name, ForwardOp, Select, Engine);                   \
  TFRNN_REGISTER_KERNEL(Builder, name "Grad", GradOp, Select, Engine);               \
  TFRNN_REGISTER_KERNEL(Builder, name "GradInput", GradInputOp, Select, Engine);     \
  TFRNN_REGISTER_KERNEL(Builder, name "GradWeights", GradWeightsOp, Select, Engine); \
  TFRNN_REGISTER_KERNEL(Builder, name "GradRecompute", GradRecomputeOp, Select, Engine)

}  // namespace tfrnn
