// TfrnnGru and its gradient. "rows" below are [batch, time, ...], or [time, batch, ...] if
// time_major; an absent optional tensor is a vector of no elements.
#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/ops/register.h"
#include "csrc/ops/shapes.h"
#include "tensorflow/core/framework/op.h"

namespace tfrnn {
namespace {

// reset_after decides between two cells.
struct SelectGru {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction* c) {
    bool reset_after = true;
    c->SetStatus(c->GetAttr("reset_after", &reset_after));
    return reset_after ? DescribeCell<Gru, TF>() : DescribeCell<GruResetBefore, TF>();
  }
};

template <absl::Status (*ShapeFn)(InferenceContext*, const CellCounts&)>
absl::Status WithCounts(InferenceContext* c) {
  bool reset_after;
  TF_RETURN_IF_ERROR(c->GetAttr("reset_after", &reset_after));
  return ShapeFn(c, reset_after ? CountsOf<Gru>() : CountsOf<GruResetBefore>());
}

}  // namespace

REGISTER_OP("TfrnnGru")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("reset_after: bool = true")
    .Attr("zero_output_for_mask: bool = false")
    .Attr("keep_reserve: bool = true")
    .Input("x: T")                   // rows of [features]
    .Input("initial_h: T")           // [batch, units]
    .Input("kernel: T")              // [features, 3 * units], gates z, r, candidate
    .Input("recurrent_kernel: T")    // [units, 3 * units]
    .Input("bias: T")                // [2, 3 * units] or [3 * units], optional
    .Input("mask: bool")             // rows, optional
    .Input("input_dropout: T")       // [gates, batch, features], optional
    .Input("recurrent_dropout: T")   // [gates, batch, units], optional
    .Output("outputs: T")            // rows of [units]
    .Output("final_h: T")            // [batch, units]
    .Output("reserve_space: uint8")  // for the gradient only
    .SetShapeFn(WithCounts<ForwardShape>)
    .Doc("A GRU over whole sequences; see tfrnn_ops.gru.");

REGISTER_OP("TfrnnGruGrad")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("reset_after: bool = true")
    .Attr("zero_output_for_mask: bool = false")
    .Input("initial_h: T")
    .Input("recurrent_kernel: T")
    .Input("mask: bool")
    .Input("recurrent_dropout: T")
    .Input("outputs: T")
    .Input("reserve_space: uint8")
    .Input("doutputs: T")
    .Input("dfinal_h: T")
    .Output("dinitial_h: T")
    .Output("dgates: uint8")
    .SetShapeFn(WithCounts<GradShape>)
    .Doc("The recurrence of TfrnnGru backwards.");

REGISTER_OP("TfrnnGruGradInput")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("reset_after: bool = true")
    .Input("x: T")
    .Input("kernel: T")
    .Input("mask: bool")
    .Input("input_dropout: T")
    .Input("dgates: uint8")
    .Output("dx: T")
    .SetShapeFn(GradInputShape)
    .Doc("The gradient of TfrnnGru with respect to x.");

REGISTER_OP("TfrnnGruGradWeights")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("reset_after: bool = true")
    .Input("x: T")
    .Input("initial_h: T")
    .Input("mask: bool")
    .Input("input_dropout: T")
    .Input("recurrent_dropout: T")
    .Input("outputs: T")
    .Input("dgates: uint8")
    .Input("bias: T")
    .Output("dkernel: T")
    .Output("drecurrent_kernel: T")
    .Output("dbias: T")
    .SetShapeFn(WithCounts<GradWeightsShape>)
    .Doc("The gradients of TfrnnGru with respect to its weights.");

TFRNN_REGISTER_CELL("TfrnnGru", SelectGru);

}  // namespace tfrnn
