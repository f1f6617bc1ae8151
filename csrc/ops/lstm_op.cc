// TfrnnLstm and its gradient. "rows" below are [batch, time, ...], or [time, batch, ...] if
// time_major; an absent optional tensor is a vector of no elements.
#include "csrc/cells/lstm.h"
#include "csrc/ops/register.h"
#include "csrc/ops/shapes.h"
#include "tensorflow/core/framework/op.h"

namespace tfrnn {
namespace {

struct SelectLstm {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction*) {
    return DescribeCell<Lstm, TF>();
  }
};

}  // namespace

REGISTER_OP("TfrnnLstm")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("zero_output_for_mask: bool = false")
    .Attr("keep_reserve: bool = true")
    .Input("x: T")                   // rows of [features]
    .Input("initial_h: T")           // [batch, units]
    .Input("initial_c: T")           // [batch, units]
    .Input("kernel: T")              // [features, 4 * units], gates i, f, g, o
    .Input("recurrent_kernel: T")    // [units, 4 * units]
    .Input("bias: T")                // [4 * units], optional
    .Input("mask: bool")             // rows, optional
    .Input("input_dropout: T")       // [gates, batch, features], optional
    .Input("recurrent_dropout: T")   // [gates, batch, units], optional
    .Output("outputs: T")            // rows of [units]
    .Output("final_h: T")            // [batch, units]
    .Output("final_c: T")            // [batch, units]
    .Output("reserve_space: uint8")  // for the gradient only
    .SetShapeFn([](InferenceContext* c) { return ForwardShape(c, CountsOf<Lstm>()); })
    .Doc("An LSTM over whole sequences; see tfrnn_ops.lstm.");

REGISTER_OP("TfrnnLstmGrad")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("time_major: bool = false")
    .Attr("go_backwards: bool = false")
    .Attr("zero_output_for_mask: bool = false")
    .Input("initial_h: T")
    .Input("initial_c: T")
    .Input("recurrent_kernel: T")
    .Input("mask: bool")
    .Input("recurrent_dropout: T")
    .Input("outputs: T")
    .Input("reserve_space: uint8")
    .Input("doutputs: T")
    .Input("dfinal_h: T")
    .Input("dfinal_c: T")
    .Output("dinitial_h: T")
    .Output("dinitial_c: T")
    .Output("dgates: uint8")
    .SetShapeFn([](InferenceContext* c) { return GradShape(c, CountsOf<Lstm>()); })
    .Doc("The recurrence of TfrnnLstm backwards.");

REGISTER_OP("TfrnnLstmGradInput")
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
    .Doc("The gradient of TfrnnLstm with respect to x.");

REGISTER_OP("TfrnnLstmGradWeights")
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
    .SetShapeFn([](InferenceContext* c) { return GradWeightsShape(c, CountsOf<Lstm>()); })
    .Doc("The gradients of TfrnnLstm with respect to its weights.");

TFRNN_REGISTER_CELL("TfrnnLstm", SelectLstm);

}  // namespace tfrnn
