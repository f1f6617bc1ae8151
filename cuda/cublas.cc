#include "cuda/cublas.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <algorithm>
#include <climits>
#include <map>
#include <memory>
#include <mutex>

namespace tfrnn::cuda {
namespace {

// As cublas_api.h and library_types.h number them.
constexpr int kOpN = 0, kOpT = 1, kDefaultAlgorithm = -1;
constexpr int kCompute32F = 68, kCompute32FFastTf32 = 77, kCompute64F = 70;
constexpr int kDisallowReducedPrecisionReduction = 16;  // 16-bit inputs are summed in float32

int TypeOf(Element element) {
  switch (element) {
    case Element::kFloat16:
      return 2;
    case Element::kBFloat16:
      return 14;
    case Element::kFloat32:
      return 0;
    case Element::kFloat64:
      return 1;
  }
  return -1;
}

struct Functions {
  int (*create)(void** handle) = nullptr;
  int (*set_stream)(void* handle, Stream stream) = nullptr;
  int (*set_workspace)(void* handle, void* workspace, std::size_t bytes) = nullptr;
  int (*set_math_mode)(void* handle, int mode) = nullptr;
  int (*gemm)(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha,
              const void* a, int a_type, int lda, const void* b, int b_type, int ldb,
              const void* beta, void* c, int c_type, int ldc, int compute, int algorithm) = nullptr;

  bool LoadFrom(void* library) {
    const auto load = [library](auto* function, const char* name) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
      return *function != nullptr;
    };
    return load(&create, "cublasCreate_v2") && load(&set_stream, "cublasSetStream_v2") &&
           load(&set_workspace, "cublasSetWorkspace_v2") &&
           load(&set_math_mode, "cublasSetMathMode") && load(&gemm, "cublasGemmEx");
  }

  // Looks among the process's symbols, then among the libraries that somebody has loaded for
  // himself. Loads none.
  bool Load() {
    if (LoadFrom(RTLD_DEFAULT)) return true;
    for (const char* name : {"libcublas.so.13", "libcublas.so.12"}) {
      void* const library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
      if (library != nullptr && LoadFrom(library)) return true;
    }
    return false;
  }
};

// A handle and what it needs; calls take turns, for the stream is the handle's.
class Cublas {
 public:
  explicit Cublas(const Functions& functions) : functions_(functions) {}

  Error Create() {
    if (const int status = functions_.create(&handle_); status != 0) {
      return "cublasCreate failed with status " + std::to_string(status);
    }
    functions_.set_math_mode(handle_, kDisallowReducedPrecisionReduction);
    return "";
  }

  Error Multiply(const Blas& blas, const Gemm& g, Stream stream) {
    if (std::max({g.m, g.n, g.k, g.a.stride, g.b.stride, g.c_stride}) > INT_MAX) {
      return "a product has " + std::to_string(g.m) + " by " + std::to_string(g.n) + " by " +
             std::to_string(g.k) + " elements; cuBLAS counts them with 32 bits";
    }
    const auto of = [](std::int64_t size) { return static_cast<int>(size); };
    const bool wide = g.input == Element::kFloat64;
    const int compute = wide                                       ? kCompute64F
                        : g.input == Element::kFloat32 && !g.exact ? kCompute32FFastTf32
                                                                   : kCompute32F;
    const double alpha64 = 1, beta64 = g.accumulate;
    const float alpha32 = 1, beta32 = g.accumulate;
    const void* const alpha = wide ? static_cast<const void*>(&alpha64) : &alpha32;
    const void* const beta = wide ? static_cast<const void*>(&beta64) : &beta32;
    const int input = TypeOf(g.input);

    const std::lock_guard<std::mutex> lock(mutex_);
    void* workspace = blas.workspace;
    std::size_t workspace_bytes = blas.workspace_bytes;
    if (workspace == nullptr) {
      if (const Error error = OwnWorkspace(stream, &workspace); !error.empty()) return error;
      workspace_bytes = kCublasWorkspaceBytes;
    }
    int status = functions_.set_stream(handle_, stream);
    // A new stream takes the workspace away.
    if (status == 0) status = functions_.set_workspace(handle_, workspace, workspace_bytes);
    if (status == 0) {
      // cuBLAS counts by columns: it sees every matrix transposed, and the product backwards.
      status = functions_.gemm(handle_, g.b.transposed ? kOpT : kOpN, g.a.transposed ? kOpT : kOpN,
                               of(g.n), of(g.m), of(g.k), alpha, g.b.data, input, of(g.b.stride),
                               g.a.data, input, of(g.a.stride), beta, g.c, TypeOf(g.output),
                               of(g.c_stride), compute, kDefaultAlgorithm);
    }
    return status == 0 ? "" : "cublasGemmEx failed with status " + std::to_string(status);
  }

 private:
  // Of a stream: what runs on two at once must not share it.
  Error OwnWorkspace(Stream stream, void** workspace) {
    void*& own = workspaces_[stream];
    if (own == nullptr) {
      const cudaError_t error = cudaMalloc(&own, kCublasWorkspaceBytes);
      if (error != cudaSuccess) {
        cudaGetLastError();  // so that nobody else is told of it
        return std::string("cudaMalloc: ") + cudaGetErrorString(error);
      }
    }
    *workspace = own;
    return "";
  }

  const Functions functions_;
  void* handle_ = nullptr;
  std::map<Stream, void*> workspaces_;
  std::mutex mutex_;
};

}  // namespace

Error FindCublas(Blas* blas) {
  static std::mutex mutex;
  static std::map<int, Cublas*> of_device;  // never destroyed: the driver may be gone by then
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    return std::string("cudaGetDevice: ") + cudaGetErrorString(error);
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (of_device.count(device) == 0) {
    Functions functions;
    if (!functions.Load()) return "nobody has loaded cuBLAS 12 or 13 into this process";
    auto created = std::make_unique<Cublas>(functions);
    if (const Error error = created->Create(); !error.empty()) return error;
    of_device[device] = created.release();
  }
  blas->context = of_device[device];
  blas->gemm = [](const Blas& found, const Gemm& gemm, Stream stream) {
    return static_cast<Cublas*>(found.context)->Multiply(found, gemm, stream);
  };
  return "";
}

}  // namespace tfrnn::cuda
