// The operands of one call of an op, checked.
#pragma once

#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "csrc/core/args.h"
#include "tensorflow/core/framework/tensor.h"

namespace tfrnn {

// Of one direction. Absent tensors are null.
template <typename T>
struct Call {
  RnnShape shape;
  RnnOptions options;
  const T* x = nullptr;
  const int32_t* indices = nullptr;  // in place of x
  const T *initial[kMaxStates], *kernel, *recurrent_kernel = nullptr, *bias = nullptr;
  const bool* mask = nullptr;
  const T *input_dropout = nullptr, *recurrent_dropout = nullptr, *state_dropout = nullptr;
  const T *vectors = nullptr, *layer_norm = nullptr, *projection = nullptr;
  bool shared_dropout = false;  // recurrent_dropout holds one gate's factors, which are all gates'
  tensorflow::Tensor memory;    // of operands that had to be laid out otherwise
};

// How an opaque tensor is shared by the directions: equal parts that start where engines want it.
struct Parts {
  int64_t stride, total;  // bytes

  Parts(int64_t bytes, int count)
      : stride((bytes + 255) / 256 * 256), total(count == 1 ? bytes : count * stride) {}
};

// Of all directions.
template <typename T>
struct Calls {
  Call<T> call[kMaxDirections];
  int count = 1;

  const RnnShape& shape() const { return call[0].shape; }
  const RnnOptions& options() const { return call[0].options; }

  // Directions run on kernels and memory that suit both.
  absl::Status CheckAlike() const {
    for (int d = 1; d < count; ++d) {
      const Call<T>&a = call[0], &b = call[d];
      const auto sizes = [](const RnnShape& s) {
        return std::make_tuple(s.time, s.batch, s.input, s.units, s.projection);
      };
      if (sizes(a.shape) != sizes(b.shape)) {
        return absl::InvalidArgumentError(
            "x, kernel and projection must have the same shapes in both directions");
      }
      const std::tuple<const char*, const void*, const void*> optional[] = {
          {"bias", a.bias, b.bias},
          {"input_dropout", a.input_dropout, b.input_dropout},
          {"recurrent_dropout", a.recurrent_dropout, b.recurrent_dropout},
          {"state_dropout", a.state_dropout, b.state_dropout},
          {"vectors", a.vectors, b.vectors},
          {"layer_norm", a.layer_norm, b.layer_norm},
      };
      for (const auto& [name, one, other] : optional) {
        if ((one == nullptr) == (other == nullptr)) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(name, " must be there for both directions, or for none"));
      }
    }
    return absl::OkStatus();
  }
};

// The operands of a forward call; results and memory are for the caller to add.
template <typename T>
ForwardArgs<T> ForwardArgsOf(const Call<T>& call) {
  ForwardArgs<T> args;
  args.shape = call.shape, args.options = call.options;
  args.x = call.x, args.indices = call.indices, args.kernel = call.kernel;
  args.recurrent_kernel = call.recurrent_kernel;
  args.bias = call.bias, args.mask = call.mask;
  args.input_dropout = call.input_dropout, args.recurrent_dropout = call.recurrent_dropout;
  args.state_dropout = call.state_dropout, args.vectors = call.vectors;
  args.layer_norm = call.layer_norm, args.projection = call.projection;
  for (int s = 0; s < kMaxStates; ++s) args.initial[s] = call.initial[s];
  return args;
}

// Likewise of its gradients.
template <typename T>
BackwardArgs<T> BackwardArgsOf(const Call<T>& call) {
  BackwardArgs<T> args;
  args.shape = call.shape, args.options = call.options;
  args.recurrent_kernel = call.recurrent_kernel, args.bias = call.bias, args.mask = call.mask;
  args.recurrent_dropout = call.recurrent_dropout, args.state_dropout = call.state_dropout;
  args.vectors = call.vectors, args.layer_norm = call.layer_norm;
  args.projection = call.projection;
  for (int s = 0; s < kMaxStates; ++s) args.initial[s] = call.initial[s];
  return args;
}
template <typename T>
InputGradientArgs<T> InputGradientArgsOf(const Call<T>& call) {
  InputGradientArgs<T> args;
  args.shape = call.shape, args.options = call.options;
  args.kernel = call.kernel, args.mask = call.mask, args.input_dropout = call.input_dropout;
  return args;
}
template <typename T>
WeightGradientArgs<T> WeightGradientArgsOf(const Call<T>& call) {
  WeightGradientArgs<T> args;
  args.shape = call.shape, args.options = call.options;
  args.x = call.x, args.indices = call.indices;
  args.initial_h = call.initial[0], args.mask = call.mask;
  args.input_dropout = call.input_dropout, args.recurrent_dropout = call.recurrent_dropout;
  args.state_dropout = call.state_dropout;
  return args;
}

}  // namespace tfrnn
