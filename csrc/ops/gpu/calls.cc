#include "csrc/ops/gpu/calls.h"

#include <cstdlib>

#include "csrc/ops/gpu/stream.h"
#include "cuda/cublas.h"
#include "cuda/plan_override.h"
#include "cuda/query_device.h"
#include "tensorflow/core/platform/logging.h"
#include "tsl/platform/tensor_float_32_utils.h"

namespace tfrnn {
namespace {

absl::Status Take(tensorflow::OpKernelContext* ctx, std::size_t bytes, tensorflow::Tensor* memory,
                  void** data) {
  TF_RETURN_IF_ERROR(ctx->allocate_temp(
      tensorflow::DT_UINT8, tensorflow::TensorShape({static_cast<int64_t>(bytes)}), memory));
  *data = memory->flat<uint8_t>().data();
  return absl::OkStatus();
}

}  // namespace

absl::Status GpuLaunch::Allocate(tensorflow::OpKernelContext* ctx, std::size_t bytes, void** data) {
  return Take(ctx, bytes, &workspace, data);
}

absl::Status ToStatus(const cuda::Error& error) {
  return error.empty() ? absl::OkStatus() : absl::InternalError(error);
}

absl::Status GpuCalls::PlanFor(const cuda::Call& call, cuda::Plan* plan) {
  const char* const variable = std::getenv(cuda::kOverrideVariable);
  const std::string override_text = variable == nullptr ? "" : variable;
  const bool plain = cuda::GeneralReason(call.features).empty();
  const bool options = cuda::TakesOptions(call.features);
  const Key key(call.pass, call.batch, call.units, call.directions, call.tf32, plain, options,
                override_text);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto known = plans_.find(key); known != plans_.end()) {
    *plan = known->second;
    return absl::OkStatus();
  }
  const cuda::Device* device = nullptr;
  TF_RETURN_IF_ERROR(ToStatus(cuda::CurrentGpu(&device)));
  const cuda::Choice choice =
      cuda::MakePlan(call, *device, cuda::ConstantsFor(device->arch), override_text);
  if (!choice.error.empty()) return absl::FailedPreconditionError(choice.error);
  *plan = plans_[key] = choice.candidate.plan;
  return absl::OkStatus();
}

absl::Status GpuCalls::Begin(tensorflow::OpKernelContext* ctx, GpuLaunch* launch) {
  TF_RETURN_IF_ERROR(StreamOf(ctx, &launch->stream));
  cuda::Blas& blas = launch->options.blas;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!looked_for_blas_) {
      const cuda::Error error = cuda::FindCublas(&blas_);
      looked_for_blas_ = true;
      if (!error.empty()) {
        LOG_FIRST_N(WARNING, 1) << "tfrnn_ops multiplies matrices without cuBLAS: " << error;
      }
    }
    blas = blas_;
  }
  if (blas.gemm == nullptr) return absl::OkStatus();
  blas.workspace_bytes = cuda::kCublasWorkspaceBytes;
  return Take(ctx, blas.workspace_bytes, &launch->blas_workspace, &blas.workspace);
}

bool AllowsTf32() { return tsl::tensor_float_32_execution_enabled(); }

}  // namespace tfrnn
