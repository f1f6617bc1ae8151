// TensorFlow's CUDA stream, without a symbol that TensorFlow for CPUs lacks.
#pragma once

#include "cuda/error.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tfrnn {

absl::Status StreamOf(tensorflow::OpKernelContext* ctx, cuda::Stream* stream);

}  // namespace tfrnn
