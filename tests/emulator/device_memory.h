// Arrays where kernels can reach them: on the GPU in a native build, else in ordinary memory.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cuda/runtime.cuh"

namespace tfrnn::cuda {

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
#if defined(__CUDACC__)
    if (cudaMalloc(&data_, bytes()) != cudaSuccess) std::abort();
    cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice);
#else
    data_ = new T[count_];
    std::copy(values.begin(), values.end(), data_);
#endif
  }
  explicit DeviceArray(std::size_t count) : DeviceArray(std::vector<T>(count)) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
#if defined(__CUDACC__)
    cudaFree(data_);
#else
    delete[] data_;
#endif
  }

  T* get() const { return data_; }
  std::vector<T> Read() const {  // after all launches
    std::vector<T> values(count_);
#if defined(__CUDACC__)
    if (cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost) != cudaSuccess) {
      std::abort();
    }
#else
    std::copy(data_, data_ + count_, values.begin());
#endif
    return values;
  }

 private:
  std::size_t bytes() const { return count_ * sizeof(T); }

  std::size_t count_;
  T* data_ = nullptr;
};

}  // namespace tfrnn::cuda
