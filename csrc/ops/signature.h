// The signature that the ops of all cells share. "rows" below are [batch, time, ...], or
// [time, batch, ...] if time_major; H is the width of h, units unless there is a projection; an
// absent optional tensor is a vector of no elements.
#pragma once

#include "tensorflow/core/framework/op.h"

namespace tfrnn {

// Where an op finds the operands that every op of a cell takes, in this order.
struct Operands {
  int states;
  constexpr int x() const { return 0; }
  constexpr int initial(int state) const { return 1 + state; }
  constexpr int kernel() const { return 1 + states; }
  constexpr int recurrent_kernel() const { return 2 + states; }
  constexpr int bias() const { return 3 + states; }
  constexpr int mask() const { return 4 + states; }
  constexpr int input_dropout() const { return 5 + states; }
  constexpr int recurrent_dropout() const { return 6 + states; }
  constexpr int vectors() const { return 7 + states; }
  constexpr int layer_norm() const { return 8 + states; }
  constexpr int projection() const { return 9 + states; }
  constexpr int seed() const { return 10 + states; }
  // Then, in the ops of the gradient, the gradients of the forward op's results:
  constexpr int doutputs() const { return 11 + states; }
  constexpr int dfinal(int state) const { return 12 + states + state; }
  constexpr int dstate_outputs() const { return 12 + 2 * states; }
  // And what only some of them take.
  constexpr int outputs() const { return 13 + 2 * states; }
  constexpr int opaque() const { return 14 + 2 * states; }  // reserve_space or dgates
};

#define TFRNN_ACTIVATIONS                                                            \
  "{'tanh', 'sigmoid', 'hard_sigmoid', 'relu', 'relu6', 'elu', 'selu', 'softplus', " \
  "'softsign', 'linear', 'silu', 'gelu'}"

// `scalars` holds words such as "zoneout=0.1", see checks.h.
#define TFRNN_ATTRIBUTES                                               \
  Attr("T: {half, bfloat16, float, double}")                           \
      .Attr("states: int >= 1")                                        \
      .Attr("time_major: bool = false")                                \
      .Attr("go_backwards: bool = false")                              \
      .Attr("zero_output_for_mask: bool = false")                      \
      .Attr("activation: " TFRNN_ACTIVATIONS " = 'tanh'")              \
      .Attr("recurrent_activation: " TFRNN_ACTIVATIONS " = 'sigmoid'") \
      .Attr("training: bool = false")                                  \
      .Attr("layer_norm_carry: bool = false")                          \
      .Attr("return_cell_states: bool = false")                        \
      .Attr("recompute: int >= 0 = 0")                                 \
      .Attr("scalars: string = ''")

#define TFRNN_OPERANDS                                                                 \
  Input("x: T")                           /* rows of [features] */                     \
      .Input("initial_state: states * T") /* [batch, H], then [batch, units] */        \
      .Input("kernel: T")                 /* [features, gates * units] */              \
      .Input("recurrent_kernel: T")       /* [H, gates * units] */                     \
      .Input("bias: T")                   /* [gates * units], or [2, ...]; optional */ \
      .Input("mask: bool")                /* rows, optional */                         \
      .Input("input_dropout: T")          /* [gates, batch, features], optional */     \
      .Input("recurrent_dropout: T")      /* [gates or 1, batch, H], optional */       \
      .Input("vectors: T")                /* [vectors, units], optional */             \
      .Input("layer_norm: T")             /* [2, see LayerNormWidth], optional */      \
      .Input("projection: T")             /* [units, H], optional */                   \
      .Input("seed: int64")               /* [2], optional */

#define TFRNN_UPSTREAM                   \
  Input("doutputs: T")                   \
      .Input("dfinal_state: states * T") \
      .Input("dcell_states: T") /* absent without return_cell_states */

// Declares the four ops of a cell. `counts` maps an InferenceContext to the cell's CellCounts, and
// `more` are attributes that only this cell has.
#define TFRNN_DECLARE_OPS(name, counts, more)                                           \
  REGISTER_OP(name)                                                                     \
      .TFRNN_ATTRIBUTES more.Attr("keep_reserve: bool = true")                          \
      .TFRNN_OPERANDS.Output("outputs: T")                                              \
      .Output("final_state: states * T")                                                \
      .Output("cell_states: T")                                                         \
      .Output("reserve_space: uint8")                                                   \
      .SetShapeFn([](InferenceContext* c) { return ForwardShape(c, counts(c)); })       \
      .Doc("A recurrent layer over whole sequences; see its namesake in tfrnn_ops.");   \
  REGISTER_OP(name "Grad")                                                              \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("reserve_space: uint8")                                                    \
      .Output("dinitial_state: states * T")                                             \
      .Output("dvectors: T")                                                            \
      .Output("dlayer_norm: T")                                                         \
      .Output("dgates: uint8")                                                          \
      .SetShapeFn([](InferenceContext* c) { return GradShape(c, counts(c)); })          \
      .Doc("The recurrence of " name " backwards.");                                    \
  REGISTER_OP(name "GradInput")                                                         \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("dgates: uint8")                                                           \
      .Output("dx: T")                                                                  \
      .SetShapeFn(GradInputShape)                                                       \
      .Doc("The gradient of " name " with respect to x.");                              \
  REGISTER_OP(name "GradWeights")                                                       \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("dgates: uint8")                                                           \
      .Output("dkernel: T")                                                             \
      .Output("drecurrent_kernel: T")                                                   \
      .Output("dbias: T")                                                               \
      .Output("dprojection: T")                                                         \
      .SetShapeFn([](InferenceContext* c) { return GradWeightsShape(c, counts(c)); })   \
      .Doc("The gradients of " name " with respect to its matrices and biases.");       \
  REGISTER_OP(name "GradRecompute")                                                     \
      .TFRNN_ATTRIBUTES more.Attr("skip_input: bool = false")                           \
      .TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")                                \
      .Input("reserve_space: uint8")                                                    \
      .Output("dinitial_state: states * T")                                             \
      .Output("dvectors: T")                                                            \
      .Output("dlayer_norm: T")                                                         \
      .Output("dx: T")                                                                  \
      .Output("dkernel: T")                                                             \
      .Output("drecurrent_kernel: T")                                                   \
      .Output("dbias: T")                                                               \
      .Output("dprojection: T")                                                         \
      .SetShapeFn([](InferenceContext* c) { return GradRecomputeShape(c, counts(c)); }) \
      .Doc("All gradients of a " name " that kept the states between segments only.")

}  // namespace tfrnn
