// Checks of one operand or attribute, with errors that name it.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "csrc/core/args.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tfrnn {

using tensorflow::Tensor;
using tensorflow::TensorShape;

inline absl::Status CheckShape(const char* name, const Tensor& tensor, const TensorShape& want) {
  if (tensor.shape() == want) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " must have shape ", want.DebugString(),
                                                 ", found ", tensor.shape().DebugString()));
}

inline absl::Status CheckRank(const char* name, const Tensor& tensor, int rank) {
  if (tensor.dims() == rank) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " must have rank ", rank, ", found shape ", tensor.shape().DebugString()));
}

// An optional argument is absent when it is a vector of no elements.
inline bool Absent(const Tensor& tensor) { return tensor.dims() == 1 && tensor.NumElements() == 0; }

// The attributes `states` and `directions` of a cell that has `own_states` in each direction.
absl::Status CheckDirections(int own_states, int states, int directions);

// An attribute that names an activation.
absl::Status ReadActivation(tensorflow::OpKernelConstruction* c, const char* name,
                            Activation* activation);

// The attribute `scalars`: words such as "zoneout=0.1", for the options that are numbers. Text,
// because TensorFlow's own floating attributes have 32 bits only.
absl::Status ReadScalars(tensorflow::OpKernelConstruction* c, RnnOptions* options);

// `seed`, which may be absent if nothing is drawn.
absl::Status ReadSeed(const Tensor& seed, RnnOptions* options);

}  // namespace tfrnn
