// Memory where kernels can reach it: on the GPU with TFRNN_NATIVE, else anywhere.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <type_traits>
#include <vector>

#include "csrc/core/args.h"

#if defined(TFRNN_NATIVE)
#include <cuda_runtime_api.h>
#endif

namespace tfrnn::cuda {

class DeviceBytes {
 public:
  explicit DeviceBytes(std::size_t bytes) : bytes_(bytes) {
#if defined(TFRNN_NATIVE)
    if (bytes > 0 && cudaMalloc(&data_, bytes) != cudaSuccess) std::abort();
#else
    data_ = new unsigned char[bytes];
#endif
  }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;
  ~DeviceBytes() {
#if defined(TFRNN_NATIVE)
    cudaFree(data_);
#else
    delete[] static_cast<unsigned char*>(data_);
#endif
  }

  void* get() const { return data_; }
  void Poison() const {
    if (bytes_ == 0) return;
#if defined(TFRNN_NATIVE)
    cudaMemset(data_, 0xff, bytes_);
#else
    std::memset(data_, 0xff, bytes_);
#endif
  }
  void Write(const void* from) const { Copy(data_, from); }
  void Read(void* to) const { Copy(to, data_); }  // after all launches

 private:
  void Copy(void* to, const void* from) const {
    if (bytes_ == 0) return;
#if defined(TFRNN_NATIVE)
    if (cudaMemcpy(to, from, bytes_, cudaMemcpyDefault) != cudaSuccess) std::abort();
#else
    std::memcpy(to, from, bytes_);
#endif
  }

  std::size_t bytes_;
  void* data_ = nullptr;
};

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values)
      : count_(values.size()), memory_(count_ * sizeof(T)) {
    memory_.Write(values.data());
  }
  explicit DeviceArray(std::size_t count) : DeviceArray(std::vector<T>(count)) {}

  T* get() const { return static_cast<T*>(memory_.get()); }
  std::vector<T> Read() const {
    std::vector<T> values(count_);
    memory_.Read(values.data());
    return values;
  }

 private:
  std::size_t count_;
  DeviceBytes memory_;
};

// Copies of arrays on the device, for argument structs that name the arrays themselves.
class Mirror {
 public:
  template <typename T>
  void Add(const std::vector<T>& array) {
    if (array.empty()) return;
    auto copy = std::make_unique<DeviceBytes>(array.size() * sizeof(T));
    copy->Write(array.data());
    copies_[array.data()] = std::move(copy);
  }
  template <typename T>
  void Fetch(std::vector<T>* array) const {
    if (!array->empty()) copies_.at(array->data())->Read(array->data());
  }
  // Replaces every pointer to an array by one to its copy.
  template <typename T>
  void Translate(ForwardArgs<T>* a) const {
    Replace(&a->x, &a->indices, &a->kernel, &a->recurrent_kernel, &a->bias, &a->mask,
            &a->input_dropout, &a->recurrent_dropout, &a->state_dropout, &a->vectors,
            &a->layer_norm, &a->projection, &a->outputs);
    for (int s = 0; s < kMaxStates; ++s) {
      Replace(&a->initial[s], &a->state_outputs[s], &a->final[s]);
    }
  }
  template <typename T>
  void Translate(BackwardArgs<T>* a) const {
    Replace(&a->recurrent_kernel, &a->bias, &a->mask, &a->recurrent_dropout, &a->state_dropout,
            &a->vectors, &a->layer_norm, &a->projection, &a->outputs, &a->doutputs, &a->dvectors,
            &a->dlayer_norm);
    for (int s = 0; s < kMaxStates; ++s) {
      Replace(&a->initial[s], &a->dstate_outputs[s], &a->dfinal[s], &a->dinitial[s]);
    }
  }
  template <typename T>
  void Translate(InputGradientArgs<T>* a) const {
    Replace(&a->kernel, &a->mask, &a->input_dropout, &a->dx);
  }
  template <typename T>
  void Translate(WeightGradientArgs<T>* a) const {
    Replace(&a->x, &a->indices, &a->state_dropout, &a->initial_h, &a->mask, &a->input_dropout,
            &a->recurrent_dropout, &a->outputs, &a->dkernel, &a->drecurrent_kernel, &a->dbias,
            &a->dprojection);
  }

 private:
  template <typename... Arrays>
  void Replace(Arrays**... arrays) const {
    const auto one = [this](auto** array) {
      const auto copy = copies_.find(*array);
      if (copy != copies_.end()) {
        *array = static_cast<std::remove_reference_t<decltype(*array)>>(copy->second->get());
      }
    };
    (one(arrays), ...);
  }

  std::map<const void*, std::unique_ptr<DeviceBytes>> copies_;
};

}  // namespace tfrnn::cuda
