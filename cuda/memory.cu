#include "cuda/memory.h"
#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

Error Clear(void* data, std::size_t bytes, Stream stream) { return Zero(data, bytes, stream); }

Error Copy(void* to, const void* from, std::size_t bytes, Stream stream) {
  return CopyOnDevice(to, from, bytes, stream);
}

Error CopyRows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
               std::size_t bytes, std::size_t count, Stream stream) {
  if (bytes == 0 || count == 0) return "";
  return CopyRowsOnDevice(to, to_pitch, from, from_pitch, bytes, count, stream);
}

}  // namespace tfrnn::cuda
