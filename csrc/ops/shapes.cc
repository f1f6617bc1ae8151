#include "csrc/ops/shapes.h"

#include "absl/strings/str_cat.h"

namespace tfrnn {
namespace {

// An optional argument is absent when it is a vector of no elements.
bool Absent(InferenceContext* c, ShapeHandle shape) {
  return c->RankKnown(shape) && c->Rank(shape) == 1 && c->ValueKnown(c->Dim(shape, 0)) &&
         c->Value(c->Dim(shape, 0)) == 0;
}

// x is [batch, time, features], or [time, batch, features] if time_major.
absl::Status Axes(InferenceContext* c, ShapeHandle x, DimensionHandle* time, DimensionHandle* batch,
                  bool* time_major) {
  TF_RETURN_IF_ERROR(c->GetAttr("time_major", time_major));
  *time = c->Dim(x, *time_major ? 0 : 1);
  *batch = c->Dim(x, *time_major ? 1 : 0);
  return absl::OkStatus();
}

absl::Status CheckBias(InferenceContext* c, int input, int biases, DimensionHandle gates) {
  const ShapeHandle bias = c->input(input);
  if (!c->RankKnown(bias) || Absent(c, bias)) return absl::OkStatus();
  ShapeHandle ranked;
  TF_RETURN_IF_ERROR(RequireRank(c, "bias", input, biases == 1 ? 1 : 2, &ranked));
  DimensionHandle unused;
  if (biases > 1) {
    TF_RETURN_IF_ERROR(
        RequireEqual(c, "bias axis 0", c->Dim(ranked, 0), c->MakeDim(biases), &unused));
  }
  return RequireEqual(c, "bias last axis", c->Dim(ranked, biases > 1 ? 1 : 0), gates, &unused);
}

absl::Status CheckMask(InferenceContext* c, int input, DimensionHandle first,
                       DimensionHandle second) {
  const ShapeHandle mask = c->input(input);
  if (!c->RankKnown(mask) || Absent(c, mask)) return absl::OkStatus();
  ShapeHandle ranked;
  TF_RETURN_IF_ERROR(RequireRank(c, "mask", input, 2, &ranked));
  DimensionHandle unused;
  TF_RETURN_IF_ERROR(RequireEqual(c, "mask axis 0", c->Dim(ranked, 0), first, &unused));
  return RequireEqual(c, "mask axis 1", c->Dim(ranked, 1), second, &unused);
}

absl::Status CheckDropout(InferenceContext* c, const char* name, int input, int gates,
                          DimensionHandle batch, DimensionHandle width) {
  const ShapeHandle factors = c->input(input);
  if (!c->RankKnown(factors) || Absent(c, factors)) return absl::OkStatus();
  ShapeHandle ranked;
  TF_RETURN_IF_ERROR(RequireRank(c, name, input, 3, &ranked));
  const DimensionHandle want[] = {c->MakeDim(gates), batch, width};
  for (int axis = 0; axis < 3; ++axis) {
    DimensionHandle unused;
    TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat(name, " axis ", axis), c->Dim(ranked, axis),
                                    want[axis], &unused));
  }
  return absl::OkStatus();
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
  ShapeHandle x, kernel, recurrent_kernel, state;
  DimensionHandle time, batch, units, gates, unused;
  bool time_major;
  const int after_states = counts.states + 1;
  TF_RETURN_IF_ERROR(RequireRank(c, "x", 0, 3, &x));
  TF_RETURN_IF_ERROR(RequireRank(c, "kernel", after_states, 2, &kernel));
  TF_RETURN_IF_ERROR(RequireRank(c, "recurrent_kernel", after_states + 1, 2, &recurrent_kernel));
  TF_RETURN_IF_ERROR(Axes(c, x, &time, &batch, &time_major));
  units = c->Dim(recurrent_kernel, 0);
  for (int s = 0; s < counts.states; ++s) {
    const char* name = s == 0 ? "initial_h" : "initial_c";
    TF_RETURN_IF_ERROR(RequireRank(c, name, 1 + s, 2, &state));
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis 0 (batch)"), c->Dim(state, 0), batch, &batch));
    TF_RETURN_IF_ERROR(
        RequireEqual(c, absl::StrCat(name, " axis 1 (units)"), c->Dim(state, 1), units, &units));
  }
  TF_RETURN_IF_ERROR(c->Multiply(units, counts.gates, &gates));
  const std::string width = absl::StrCat(" axis 1 (", counts.gates, " * units)");
  TF_RETURN_IF_ERROR(
      RequireEqual(c, "kernel axis 0 (features of x)", c->Dim(kernel, 0), c->Dim(x, 2), &unused));
  TF_RETURN_IF_ERROR(
      RequireEqual(c, absl::StrCat("kernel", width), c->Dim(kernel, 1), gates, &gates));
  TF_RETURN_IF_ERROR(RequireEqual(c, absl::StrCat("recurrent_kernel", width),
                                  c->Dim(recurrent_kernel, 1), gates, &gates));
  TF_RETURN_IF_ERROR(CheckBias(c, after_states + 2, counts.biases, gates));
  TF_RETURN_IF_ERROR(
      CheckMask(c, after_states + 3, time_major ? time : batch, time_major ? batch : time));
  TF_RETURN_IF_ERROR(
      CheckDropout(c, "input_dropout", after_states + 4, counts.gates, batch, c->Dim(x, 2)));
  TF_RETURN_IF_ERROR(
      CheckDropout(c, "recurrent_dropout", after_states + 5, counts.gates, batch, units));

  c->set_output(0, c->MakeShape({time_major ? time : batch, time_major ? batch : time, units}));
  for (int s = 0; s < counts.states; ++s) c->set_output(1 + s, c->Matrix(batch, units));
  c->set_output(1 + counts.states, c->Vector(c->UnknownDim()));
  return absl::OkStatus();
}

absl::Status GradShape(InferenceContext* c, const CellCounts& counts) {
  for (int s = 0; s < counts.states; ++s) c->set_output(s, c->input(s));
  c->set_output(counts.states, c->input(counts.states + 4));
  return absl::OkStatus();
}

absl::Status GradInputShape(InferenceContext* c) {
  c->set_output(0, c->input(0));
  return absl::OkStatus();
}

absl::Status GradWeightsShape(InferenceContext* c, const CellCounts& counts) {
  ShapeHandle x, outputs;
  DimensionHandle gates;
  TF_RETURN_IF_ERROR(RequireRank(c, "x", 0, 3, &x));
  TF_RETURN_IF_ERROR(RequireRank(c, "outputs", 5, 3, &outputs));
  const DimensionHandle units = c->Dim(outputs, 2);
  TF_RETURN_IF_ERROR(c->Multiply(units, counts.gates, &gates));
  c->set_output(0, c->Matrix(c->Dim(x, 2), gates));
  c->set_output(1, c->Matrix(units, gates));
  c->set_output(2, c->input(7));
  return absl::OkStatus();
}

}  // namespace tfrnn
