#include "csrc/ops/shapes.h"

#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "csrc/ops/checks.h"
#include "csrc/ops/signature.h"

namespace tfrnn {
namespace {

// An optional argument is absent when it is a vector of no elements.
bool Absent(InferenceContext* c, ShapeHandle shape) {
  return c->RankKnown(shape) && c->Rank(shape) == 1 && c->ValueKnown(c->Dim(shape, 0)) &&
         c->Value(c->Dim(shape, 0)) == 0;
}

// Whether an axis is known to have one element.
bool IsOne(InferenceContext* c, ShapeHandle shape, int axis) {
  return c->RankKnown(shape) && c->Rank(shape) > axis && c->ValueKnown(c->Dim(shape, axis)) &&
         c->Value(c->Dim(shape, axis)) == 1;
}

// The places of an op's operands, or an error if the states are not those of all directions.
absl::Status PlaceOperands(InferenceContext* c, const CellCounts& counts, Operands* in) {
  int states, directions;
  TF_RETURN_IF_ERROR(c->GetAttr("states", &states));
  TF_RETURN_IF_ERROR(c->GetAttr("directions", &directions));
  TF_RETURN_IF_ERROR(CheckDirections(counts.states, states, directions));
  *in = {counts.states, directions};
  return absl::OkStatus();
}

// Checks an optional operand of known rank, axis by axis.
absl::Status CheckOptional(InferenceContext* c, const char* name, int input,
                           std::initializer_list<DimensionHandle> want) {
  const ShapeHandle found = c->input(input);
  if (!c->RankKnown(found) || Absent(c, found)) return absl::OkStatus();
  ShapeHandle ranked;
  TF_RETURN_IF_ERROR(RequireRank(c, name, input, static_cast<int>(want.size()), &ranked));
  int axis = 0;
  for (const DimensionHandle dim : want) {
    DimensionHandle unused;
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis ", axis), c->Dim(ranked, axis), dim, &unused));
    ++axis;
  }
  return absl::OkStatus();
}

// The gradients of the matrices and biases, as outputs from `first` on.
void SetWeightShapes(InferenceContext* c, const Operands& in, int first) {
  for (int d = 0; d < in.directions; ++d) {
    const int own = first + d;
    c->set_output(own, c->input(in.kernel(d)));
    c->set_output(own + in.directions, c->input(in.recurrent_kernel(d)));
    c->set_output(own + 2 * in.directions, Absent(c, c->input(in.layer_norm(d)))
                                               ? c->input(in.bias(d))
                                               : c->UnknownShapeOfRank(1));
    c->set_output(own + 3 * in.directions, c->input(in.projection(d)));
  }
}

// The gradients of the states, vectors and layer_norm, as the first outputs.
void SetStateShapes(InferenceContext* c, const Operands& in) {
  const int states = in.directions * in.states;
  for (int s = 0; s < states; ++s) c->set_output(s, c->input(in.initial(s)));
  for (int d = 0; d < in.directions; ++d) {
    c->set_output(states + d, c->input(in.vectors(d)));
    c->set_output(states + in.directions + d, c->input(in.layer_norm(d)));
  }
}

// The sizes that all directions share.
struct Sizes {
  bool time_major;
  DimensionHandle time, batch, units, gates, hidden;
};

// Checks the operands of a direction and takes its sizes.
absl::Status CheckDirection(InferenceContext* c, const CellCounts& counts, const Operands& in,
                            int d, Sizes* sizes) {
  ShapeHandle x, kernel, recurrent_kernel, state;
  DimensionHandle norm;
  tensorflow::DataType type;
  TF_RETURN_IF_ERROR(c->GetAttr("Tx", &type));
  const bool gathers = type == tensorflow::DT_INT32;
  TF_RETURN_IF_ERROR(RequireRank(c, "x", in.x(d), gathers ? 2 : 3, &x));
  TF_RETURN_IF_ERROR(RequireRank(c, "kernel", in.kernel(d), 2, &kernel));
  const int time_axis = sizes->time_major ? 0 : 1;
  TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat("x axis ", time_axis), c->Dim(x, time_axis),
                                  sizes->time, &sizes->time));
  TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat("x axis ", 1 - time_axis),
                                  c->Dim(x, 1 - time_axis), sizes->batch, &sizes->batch));
  DimensionHandle features = c->Dim(kernel, 0);
  if (!gathers) {
    TF_RETURN_IF_ERROR(
        RequireEqual(c, "kernel axis 0 (features of x)", features, c->Dim(x, 2), &features));
  }
  DimensionHandle &units = sizes->units, &gates = sizes->gates, &hidden = sizes->hidden;
  const std::string width = absl::StrCat(" axis 1 (", counts.gates, " * units)");
  if (d == 0) {
    gates = c->Dim(kernel, 1);
    units = c->UnknownDim();
    if (c->ValueKnown(gates)) units = c->MakeDim(c->Value(gates) / counts.gates);
  }
  const bool projects = !Absent(c, c->input(in.projection(d)));
  if (d == 0) hidden = projects ? c->UnknownDim() : units;
  if (counts.recurrent) {
    TF_RETURN_IF_ERROR(
        RequireRank(c, "recurrent_kernel", in.recurrent_kernel(d), 2, &recurrent_kernel));
    DimensionHandle& rows = projects ? hidden : units;
    TF_RETURN_IF_ERROR(RequireEqual(c, "recurrent_kernel axis 0 (units)",
                                    c->Dim(recurrent_kernel, 0), rows, &rows));
    TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat("recurrent_kernel", width),
                                    c->Dim(recurrent_kernel, 1), gates, &gates));
  }
  DimensionHandle all;
  TF_RETURN_IF_ERROR(c->Multiply(units, counts.gates, &all));
  TF_RETURN_IF_ERROR(
      RequireEqual(c, absl::StrCat("kernel", width), c->Dim(kernel, 1), all, &gates));
  if (!projects) hidden = units;
  for (int s = 0; s < counts.states; ++s) {
    const char* name = s == 0 ? "initial_h" : "initial_c";
    DimensionHandle& own = s == 0 ? hidden : units;
    TF_RETURN_IF_ERROR(RequireRank(c, name, in.initial(s, d), 2, &state));
    TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat(name, " axis 0 (batch)"), c->Dim(state, 0),
                                    sizes->batch, &sizes->batch));
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis 1 (units)"), c->Dim(state, 1), own, &own));
  }
  if (counts.biases == 1) {
    TF_RETURN_IF_ERROR(CheckOptional(c, "bias", in.bias(d), {gates}));
  } else {
    TF_RETURN_IF_ERROR(CheckOptional(c, "bias", in.bias(d), {c->MakeDim(counts.biases), gates}));
  }
  TF_RETURN_IF_ERROR(CheckOptional(c, "input_dropout", in.input_dropout(d),
                                   {c->MakeDim(counts.gates), sizes->batch, features}));
  const bool shared = IsOne(c, c->input(in.recurrent_dropout(d)), 0);
  TF_RETURN_IF_ERROR(CheckOptional(c, "recurrent_dropout", in.recurrent_dropout(d),
                                   {c->MakeDim(shared ? 1 : counts.gates), sizes->batch, hidden}));
  TF_RETURN_IF_ERROR(
      CheckOptional(c, "state_dropout", in.state_dropout(d), {sizes->time, sizes->batch, hidden}));
  TF_RETURN_IF_ERROR(
      CheckOptional(c, "vectors", in.vectors(d), {c->MakeDim(counts.vectors), units}));
  TF_RETURN_IF_ERROR(c->Multiply(units, counts.layer_norm, &norm));
  TF_RETURN_IF_ERROR(CheckOptional(c, "layer_norm", in.layer_norm(d), {c->MakeDim(2), norm}));
  return CheckOptional(c, "projection", in.projection(d), {units, hidden});
}

}  // namespace

absl::Status RequireRank(InferenceContext* c, const char* name, int input, int rank,
                         ShapeHandle* shape) {
  if (c->WithRank(c->input(input), rank, shape).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must have rank ", rank, ", found shape ",
                                                 c->DebugString(c->input(input))));
}

absl::Status RequireEqual(InferenceContext* c, const std::string& name, DimensionHandle found,
                          DimensionHandle expected, DimensionHandle* merged) {
  if (c->Merge(found, expected, merged).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " must be ", c->DebugString(expected), ", found ", c->DebugString(found)));
}

absl::Status ForwardShape(InferenceContext* c, const CellCounts& counts) {
  Operands in{counts.states};
  Sizes sizes;
  bool return_cell_states;
  TF_RETURN_IF_ERROR(PlaceOperands(c, counts, &in));
  TF_RETURN_IF_ERROR(c->GetAttr("return_cell_states", &return_cell_states));
  TF_RETURN_IF_ERROR(c->GetAttr("time_major", &sizes.time_major));
  sizes.time = c->UnknownDim(), sizes.batch = c->UnknownDim();
  for (int d = 0; d < in.directions; ++d) {
    TF_RETURN_IF_ERROR(CheckDirection(c, counts, in, d, &sizes));
  }
  const DimensionHandle first = sizes.time_major ? sizes.time : sizes.batch;
  const DimensionHandle second = sizes.time_major ? sizes.batch : sizes.time;
  TF_RETURN_IF_ERROR(CheckOptional(c, "mask", in.mask(), {first, second}));

  DimensionHandle width;
  TF_RETURN_IF_ERROR(c->Multiply(sizes.hidden, in.directions, &width));
  c->set_output(0, c->MakeShape({first, second, width}));
  const int states = in.directions * counts.states;
  for (int s = 0; s < states; ++s) {
    const bool is_h = s % counts.states == 0;
    c->set_output(1 + s, c->Matrix(sizes.batch, is_h ? sizes.hidden : sizes.units));
  }
  c->set_output(1 + states,
                return_cell_states ? c->MakeShape({first, second, sizes.units}) : c->Vector(0));
  c->set_output(2 + states, c->Vector(c->UnknownDim()));
  return absl::OkStatus();
}

absl::Status GradShape(InferenceContext* c, const CellCounts& counts) {
  Operands in{counts.states};
  TF_RETURN_IF_ERROR(PlaceOperands(c, counts, &in));
  SetStateShapes(c, in);
  c->set_output(in.directions * (counts.states + 2), c->input(in.opaque()));
  return absl::OkStatus();
}

absl::Status GradInputShape(InferenceContext* c, const CellCounts& counts) {
  Operands in{counts.states};
  TF_RETURN_IF_ERROR(PlaceOperands(c, counts, &in));
  for (int d = 0; d < in.directions; ++d) c->set_output(d, c->input(in.x(d)));
  return absl::OkStatus();
}

absl::Status GradWeightsShape(InferenceContext* c, const CellCounts& counts) {
  Operands in{counts.states};
  TF_RETURN_IF_ERROR(PlaceOperands(c, counts, &in));
  SetWeightShapes(c, in, 0);
  return absl::OkStatus();
}

absl::Status GradRecomputeShape(InferenceContext* c, const CellCounts& counts) {
  Operands in{counts.states};
  bool skip_input;
  TF_RETURN_IF_ERROR(PlaceOperands(c, counts, &in));
  TF_RETURN_IF_ERROR(c->GetAttr("skip_input", &skip_input));
  SetStateShapes(c, in);
  const int dx = in.directions * (counts.states + 2);
  for (int d = 0; d < in.directions; ++d) {
    c->set_output(dx + d, skip_input ? c->Vector(0) : c->input(in.x(d)));
  }
  SetWeightShapes(c, in, dx + in.directions);
  return absl::OkStatus();
}

}  // namespace tfrnn
