// The signature that the ops of all cells share. "rows" below are [batch, time, ...], or
// [time, batch, ...] if time_major; H is the width of h, units unless there is a projection; an
// absent optional tensor is a vector of no elements. x is of the type T of the others, or holds
// the numbers of rows of the kernel: see csrc/core/args.h.
//
// With two directions the second goes the other way through time and has operands of its own; only
// the mask serves both, and outputs lie side by side, at the time of the first direction's inputs.
#pragma once

#include "tensorflow/core/framework/op.h"

namespace tfrnn {

// Where an op finds the operands that every op of a cell takes, in this order: of one kind those
// of all directions together. `states` are those of one direction.
struct Operands {
  int states;
  int directions = 1;
  constexpr int x(int d = 0) const { return d; }
  constexpr int initial(int state, int d = 0) const { return directions + d * states + state; }
  constexpr int kernel(int d = 0) const { return First() + d; }
  constexpr int recurrent_kernel(int d = 0) const { return First() + directions + d; }
  constexpr int bias(int d = 0) const { return First() + 2 * directions + d; }
  constexpr int mask() const { return First() + 3 * directions; }
  constexpr int input_dropout(int d = 0) const { return mask() + 1 + d; }
  constexpr int recurrent_dropout(int d = 0) const { return mask() + 1 + directions + d; }
  constexpr int state_dropout(int d = 0) const { return mask() + 1 + 2 * directions + d; }
  constexpr int vectors(int d = 0) const { return mask() + 1 + 3 * directions + d; }
  constexpr int layer_norm(int d = 0) const { return mask() + 1 + 4 * directions + d; }
  constexpr int projection(int d = 0) const { return mask() + 1 + 5 * directions + d; }
  constexpr int seed(int d = 0) const { return mask() + 1 + 6 * directions + d; }
  // Then, in the ops of the gradient, the gradients of the forward op's results:
  constexpr int doutputs() const { return mask() + 1 + 7 * directions; }
  constexpr int dfinal(int state, int d = 0) const { return doutputs() + 1 + d * states + state; }
  constexpr int dstate_outputs() const { return doutputs() + 1 + directions * states; }
  // And what only some of them take.
  constexpr int outputs() const { return dstate_outputs() + 1; }
  constexpr int opaque() const { return dstate_outputs() + 2; }  // reserve_space or dgates

 private:
  constexpr int First() const { return directions * (1 + states); }  // after the states
};

#define TFRNN_ACTIVATIONS                                                            \
  "{'tanh', 'sigmoid', 'hard_sigmoid', 'relu', 'relu6', 'elu', 'selu', 'softplus', " \
  "'softsign', 'linear', 'silu', 'gelu'}"

// `scalars` holds words such as "zoneout=0.1", see checks.h.
#define TFRNN_ATTRIBUTES                                               \
  Attr("T: {half, bfloat16, float, double}")                           \
      .Attr("Tx: {half, bfloat16, float, double, int32}")              \
      .Attr("directions: int >= 1 = 1")                                \
      .Attr("states: int >= 1") /* of all directions */                \
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

#define TFRNN_OPERANDS                                                                         \
  Input("x: directions * Tx")                     /* rows of [features], or rows */            \
      .Input("initial_state: states * T")         /* [batch, H], then [batch, units] */        \
      .Input("kernel: directions * T")            /* [features, gates * units] */              \
      .Input("recurrent_kernel: directions * T")  /* [H, gates * units] */                     \
      .Input("bias: directions * T")              /* [gates * units], or [2, ...]; optional */ \
      .Input("mask: bool")                        /* rows, optional */                         \
      .Input("input_dropout: directions * T")     /* [gates, batch, features], optional */     \
      .Input("recurrent_dropout: directions * T") /* [gates or 1, batch, H], optional */       \
      .Input("state_dropout: directions * T")     /* [time, batch, H], optional */             \
      .Input("vectors: directions * T")           /* [vectors, units], optional */             \
      .Input("layer_norm: directions * T")        /* [2, see LayerNormWidth], optional */      \
      .Input("projection: directions * T")        /* [units, H], optional */                   \
      .Input("seed: directions * int64")          /* [2], optional */

#define TFRNN_UPSTREAM                   \
  Input("doutputs: T")                   \
      .Input("dfinal_state: states * T") \
      .Input("dcell_states: T") /* absent without return_cell_states */

// Declares the four ops of a cell. `counts` maps an InferenceContext to the cell's CellCounts, and
// `more` are attributes that only this cell has.
#define TFRNN_DECLARE_OPS(name, counts, more)                                           \
  REGISTER_OP(name)                                                                     \
      .TFRNN_ATTRIBUTES more.Attr("keep_reserve: bool = true")                          \
      .TFRNN_OPERANDS                                                                   \
      .Output("outputs: T") /* rows of [directions * H] */                              \
      .Output("final_state: states * T")                                                \
      .Output("cell_states: T")                                                         \
      .Output("reserve_space: uint8")                                                   \
      .SetShapeFn([](InferenceContext* c) { return ForwardShape(c, counts(c)); })       \
      .Doc("A recurrent layer over whole sequences; see its namesake in tfrnn_ops.");   \
  REGISTER_OP(name "Grad")                                                              \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("reserve_space: uint8")                                                    \
      .Output("dinitial_state: states * T")                                             \
      .Output("dvectors: directions * T")                                               \
      .Output("dlayer_norm: directions * T")                                            \
      .Output("dgates: uint8")                                                          \
      .SetShapeFn([](InferenceContext* c) { return GradShape(c, counts(c)); })          \
      .Doc("The recurrence of " name " backwards.");                                    \
  REGISTER_OP(name "GradInput")                                                         \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("dgates: uint8")                                                           \
      .Output("dx: directions * T")                                                     \
      .SetShapeFn([](InferenceContext* c) { return GradInputShape(c, counts(c)); })     \
      .Doc("The gradient of " name " with respect to x.");                              \
  REGISTER_OP(name "GradWeights")                                                       \
      .TFRNN_ATTRIBUTES more.TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")          \
      .Input("dgates: uint8")                                                           \
      .Output("dkernel: directions * T")                                                \
      .Output("drecurrent_kernel: directions * T")                                      \
      .Output("dbias: directions * T")                                                  \
      .Output("dprojection: directions * T")                                            \
      .SetShapeFn([](InferenceContext* c) { return GradWeightsShape(c, counts(c)); })   \
      .Doc("The gradients of " name " with respect to its matrices and biases.");       \
  REGISTER_OP(name "GradRecompute")                                                     \
      .TFRNN_ATTRIBUTES more.Attr("skip_input: bool = false")                           \
      .TFRNN_OPERANDS.TFRNN_UPSTREAM.Input("outputs: T")                                \
      .Input("reserve_space: uint8")                                                    \
      .Output("dinitial_state: states * T")                                             \
      .Output("dvectors: directions * T")                                               \
      .Output("dlayer_norm: directions * T")                                            \
      .Output("dx: directions * T")                                                     \
      .Output("dkernel: directions * T")                                                \
      .Output("drecurrent_kernel: directions * T")                                      \
      .Output("dbias: directions * T")                                                  \
      .Output("dprojection: directions * T")                                            \
      .SetShapeFn([](InferenceContext* c) { return GradRecomputeShape(c, counts(c)); }) \
      .Doc("All gradients of a " name " that kept the states between segments only.")

}  // namespace tfrnn
