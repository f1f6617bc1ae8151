#include "csrc/ops/shapes.h"

#include <initializer_list>

#include "absl/strings/str_cat.h"
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

// x is [batch, time, features], or [time, batch, features] if time_major.
absl::Status Axes(InferenceContext* c, ShapeHandle x, DimensionHandle* time, DimensionHandle* batch,
                  bool* time_major) {
  TF_RETURN_IF_ERROR(c->GetAttr("time_major", time_major));
  *time = c->Dim(x, *time_major ? 0 : 1);
  *batch = c->Dim(x, *time_major ? 1 : 0);
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
void SetWeightShapes(InferenceContext* c, const CellCounts& counts, int first) {
  const Operands in{counts.states};
  c->set_output(first, c->input(in.kernel()));
  c->set_output(first + 1, c->input(in.recurrent_kernel()));
  c->set_output(first + 2, Absent(c, c->input(in.layer_norm())) ? c->input(in.bias())
                                                                : c->UnknownShapeOfRank(1));
  c->set_output(first + 3, c->input(in.projection()));
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
  const Operands in{counts.states};
  ShapeHandle x, kernel, recurrent_kernel, state;
  DimensionHandle time, batch, units, gates, hidden, norm, unused;
  bool time_major, return_cell_states;
  int states;
  TF_RETURN_IF_ERROR(c->GetAttr("states", &states));
  if (states != counts.states) {
    return absl::InvalidArgumentError(
        absl::StrCat("initial_state must hold ", counts.states, " tensors, found ", states));
  }
  TF_RETURN_IF_ERROR(c->GetAttr("return_cell_states", &return_cell_states));
  TF_RETURN_IF_ERROR(RequireRank(c, "x", in.x(), 3, &x));
  TF_RETURN_IF_ERROR(RequireRank(c, "kernel", in.kernel(), 2, &kernel));
  TF_RETURN_IF_ERROR(Axes(c, x, &time, &batch, &time_major));
  TF_RETURN_IF_ERROR(
      RequireEqual(c, "kernel axis 0 (features of x)", c->Dim(kernel, 0), c->Dim(x, 2), &unused));
  gates = c->Dim(kernel, 1);
  units = c->UnknownDim();
  if (c->ValueKnown(gates)) units = c->MakeDim(c->Value(gates) / counts.gates);
  const bool projects = !Absent(c, c->input(in.projection()));
  hidden = projects ? c->UnknownDim() : units;
  const std::string width = absl::StrCat(" axis 1 (", counts.gates, " * units)");
  if (counts.recurrent) {
    TF_RETURN_IF_ERROR(
        RequireRank(c, "recurrent_kernel", in.recurrent_kernel(), 2, &recurrent_kernel));
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
    TF_RETURN_IF_ERROR(RequireRank(c, name, in.initial(s), 2, &state));
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis 0 (batch)"), c->Dim(state, 0), batch, &batch));
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis 1 (units)"), c->Dim(state, 1), own, &own));
  }
  if (counts.biases == 1) {
    TF_RETURN_IF_ERROR(CheckOptional(c, "bias", in.bias(), {gates}));
  } else {
    TF_RETURN_IF_ERROR(CheckOptional(c, "bias", in.bias(), {c->MakeDim(counts.biases), gates}));
  }
  TF_RETURN_IF_ERROR(
      CheckOptional(c, "mask", in.mask(), {time_major ? time : batch, time_major ? batch : time}));
  TF_RETURN_IF_ERROR(CheckOptional(c, "input_dropout", in.input_dropout(),
                                   {c->MakeDim(counts.gates), batch, c->Dim(x, 2)}));
  const bool shared = IsOne(c, c->input(in.recurrent_dropout()), 0);
  TF_RETURN_IF_ERROR(CheckOptional(c, "recurrent_dropout", in.recurrent_dropout(),
                                   {c->MakeDim(shared ? 1 : counts.gates), batch, hidden}));
  TF_RETURN_IF_ERROR(
      CheckOptional(c, "vectors", in.vectors(), {c->MakeDim(counts.vectors), units}));
  TF_RETURN_IF_ERROR(c->Multiply(units, counts.layer_norm, &norm));
  TF_RETURN_IF_ERROR(CheckOptional(c, "layer_norm", in.layer_norm(), {c->MakeDim(2), norm}));
  TF_RETURN_IF_ERROR(CheckOptional(c, "projection", in.projection(), {units, hidden}));

  const auto rows = [&](DimensionHandle last) {
    return c->MakeShape({time_major ? time : batch, time_major ? batch : time, last});
  };
  c->set_output(0, rows(hidden));
  for (int s = 0; s < counts.states; ++s) {
    c->set_output(1 + s, c->Matrix(batch, s == 0 ? hidden : units));
  }
  c->set_output(1 + counts.states, return_cell_states ? rows(units) : c->Vector(0));
  c->set_output(2 + counts.states, c->Vector(c->UnknownDim()));
  return absl::OkStatus();
}

absl::Status GradShape(InferenceContext* c, const CellCounts& counts) {
  const Operands in{counts.states};
  for (int s = 0; s < counts.states; ++s) c->set_output(s, c->input(in.initial(s)));
  c->set_output(counts.states, c->input(in.vectors()));
  c->set_output(counts.states + 1, c->input(in.layer_norm()));
  c->set_output(counts.states + 2, c->input(in.opaque()));
  return absl::OkStatus();
}

absl::Status GradInputShape(InferenceContext* c) {
  c->set_output(0, c->input(0));
  return absl::OkStatus();
}

absl::Status GradWeightsShape(InferenceContext* c, const CellCounts& counts) {
  SetWeightShapes(c, counts, 0);
  return absl::OkStatus();
}

absl::Status GradRecomputeShape(InferenceContext* c, const CellCounts& counts) {
  const Operands in{counts.states};
  for (int s = 0; s < counts.states; ++s) c->set_output(s, c->input(in.initial(s)));
  c->set_output(counts.states, c->input(in.vectors()));
  c->set_output(counts.states + 1, c->input(in.layer_norm()));
  bool skip_input;
  TF_RETURN_IF_ERROR(c->GetAttr("skip_input", &skip_input));
  c->set_output(counts.states + 2, skip_input ? c->Vector(0) : c->input(in.x()));
  SetWeightShapes(c, counts, counts.states + 3);
  return absl::OkStatus();
}

}  // namespace tfrnn
