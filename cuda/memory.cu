#include "cuda/memory.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

Error Clear(void* data, std::size_t bytes, Stream stream) { return Zero(data, bytes, stream); }

Error Copy(void* to, const void* from, std::size_t bytes, Stream stream) {
  return CopyOnDevice(to, from, bytes, stream);
}

}  // namespace tfrnn::cuda
