// TfrnnSimpleRnn and its gradient. "rows" below are [batch, time, ...], or [time, batch, ...] if
// time_major; an absent optional tensor is a vector of no elements.
#include "csrc/cells/simple_rnn.h"
#include "csrc/ops/register.h"
#include "csrc/ops/shapes.h"
#include "tensorflow/core/framework/op.h"

namespace tfrnn {
namespace {

struct SelectSimpleRnn {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction*) {
    return DescribeCell<SimpleRnn, TF>();
  }
};

}  // namespace

REGISTER_OP("TfrnnSimpleRnn")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("zero_output_for_mask: bool = false")
    .Attr("keep_reserve: bool = true")
    .Input("x: T")                   // rows of [features]
    .Input("initial_h: T")           // [batch, units]
    .Input("kernel: T")              // [features, units]
    .Input("recurrent_kernel: T")    // [units, units]
    .Input("bias: T")                // [units], optional
    .Input("mask: bool")             // rows, optional
    .Input("input_dropout: T")       // [gates, batch, features], optional
    .Input("recurrent_dropout: T")   // [gates, batch, units], optional
    .Output("outputs: T")            // rows of [units]
    .Output("final_h: T")            // [batch, units]
    .Output("reserve_space: uint8")  // for the gradient only
    .SetShapeFn([](InferenceContext* c) { return ForwardShape(c, CountsOf<SimpleRnn>()); })
    .Doc("A SimpleRNN over whole sequences; see tfrnn_ops.simple_rnn.");

REGISTER_OP("TfrnnSimpleRnnGrad")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
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
    .SetShapeFn([](InferenceContext* c) { return GradShape(c, CountsOf<SimpleRnn>()); })
    .Doc("The recurrence of TfrnnSimpleRnn backwards.");

REGISTER_OP("TfrnnSimpleRnnGradInput")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Input("x: T")
    .Input("kernel: T")
    .Input("mask: bool")
    .Input("input_dropout: T")
    .Input("dgates: uint8")
    .Output("dx: T")
    .SetShapeFn(GradInputShape)
    .Doc("The gradient of TfrnnSimpleRnn with respect to x.");

REGISTER_OP("TfrnnSimpleRnnGradWeights")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
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
    .SetShapeFn([](InferenceContext* c) { return GradWeightsShape(c, CountsOf<SimpleRnn>()); })
    .Doc("The gradients of TfrnnSimpleRnn with respect to its weights.");

TFRNN_REGISTER_CELL("TfrnnSimpleRnn", SelectSimpleRnn);

}  // namespace tfrnn
