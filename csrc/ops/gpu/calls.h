// What calls on a GPU need whatever their cell and dtype: plans, products, TensorFlow's stream and
// memory, errors.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "cuda/launch.h"
#include "cuda/plan.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tfrnn {

// An error of the CUDA side as TensorFlow's.
absl::Status ToStatus(const cuda::Error& error);

// What a call runs with besides its arguments.
struct GpuLaunch {
  cuda::CallOptions options;
  cuda::Stream stream = nullptr;
  tensorflow::Tensor workspace, blas_workspace;

  // The workspace. TensorFlow may give it to another op of the stream once the work is enqueued.
  absl::Status Allocate(tensorflow::OpKernelContext* ctx, std::size_t bytes, void** data);
};

// Of one op's kernel, which has one device and outlives its calls; they may come from any thread.
class GpuCalls {
 public:
  // The plan of a call, made once: as long as TFRNN_GPU_PLAN stays the same.
  absl::Status PlanFor(const cuda::Call& call, cuda::Plan* plan);

  // The stream, and who does the products.
  absl::Status Begin(tensorflow::OpKernelContext* ctx, GpuLaunch* launch);

 private:
  using Key =
      std::tuple<cuda::Pass, std::int64_t, std::int64_t, int, bool, bool, bool, std::string>;

  std::mutex mutex_;
  std::map<Key, cuda::Plan> plans_;
  cuda::Blas blas_;
  bool looked_for_blas_ = false;
};

// Whether float32 products may be rounded to TF32: tf.config.experimental's
// enable_tensor_float_32_execution.
bool AllowsTf32();

}  // namespace tfrnn
