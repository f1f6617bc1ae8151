// Shape functions shared by the cells' ops. Unknown dimensions stay unknown: dimensions are
// merged, never read.
#pragma once

#include <string>

#include "csrc/ops/rnn_cell.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tfrnn {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// `shape` with `rank`, or an error that names the argument.
absl::Status RequireRank(InferenceContext* c, const char* name, int input, int rank,
                         ShapeHandle* shape);
// Merges two dimensions that have to agree; the error names the argument and what was expected.
absl::Status RequireEqual(InferenceContext* c, const std::string& name, DimensionHandle found,
                          DimensionHandle expected, DimensionHandle* merged);

absl::Status ForwardShape(InferenceContext* c, const CellCounts& counts);
absl::Status GradShape(InferenceContext* c, const CellCounts& counts);
absl::Status GradInputShape(InferenceContext* c, const CellCounts& counts);
absl::Status GradRecomputeShape(InferenceContext* c, const CellCounts& counts);
absl::Status GradWeightsShape(InferenceContext* c, const CellCounts& counts);

}  // namespace tfrnn
