#include "csrc/ops/gpu/stream.h"

#include "tensorflow/core/framework/device_base.h"
#include "xla/stream_executor/stream.h"

namespace tfrnn {

absl::Status StreamOf(tensorflow::OpKernelContext* ctx, cuda::Stream* stream) {
  const auto* const device = ctx->op_device_context();
  auto* const found = device == nullptr ? nullptr : device->stream();
  if (found == nullptr) return absl::InternalError("TensorFlow's device has no stream");
  *stream = static_cast<cuda::Stream>(found->platform_specific_handle().stream);  // a virtual call
  return absl::OkStatus();
}

}  // namespace tfrnn
