// The CUDA side's functions for a cell, as the ops call them.
#pragma once

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "cuda/launch.h"
#include "cuda/model.h"

namespace tfrnn {

// The name that plans know a cell by.
template <template <typename> class Cell>
struct GpuCell;
template <>
struct GpuCell<Lstm> {
  static constexpr cuda::Cell kName = cuda::Cell::kLstm;
};
template <>
struct GpuCell<Gru> {
  static constexpr cuda::Cell kName = cuda::Cell::kGru;
};
template <>
struct GpuCell<GruResetBefore> {
  static constexpr cuda::Cell kName = cuda::Cell::kGruResetBefore;
};
template <>
struct GpuCell<SimpleRnn> {
  static constexpr cuda::Cell kName = cuda::Cell::kSimpleRnn;
};
template <>
struct GpuCell<IndRnn> {
  static constexpr cuda::Cell kName = cuda::Cell::kIndRnn;
};

// The functions of a cuda::Layer.
template <typename T>
struct GpuKernels {
  cuda::Cell cell;
  decltype(&cuda::Layer<Lstm, T>::ReserveBytes) reserve_bytes;
  decltype(&cuda::Layer<Lstm, T>::ForwardWorkspace) forward_workspace;
  decltype(&cuda::Layer<Lstm, T>::BackwardWorkspace) backward_workspace;
  decltype(&cuda::Layer<Lstm, T>::CarryBytes) carry_bytes;
  decltype(&cuda::Layer<Lstm, T>::InputGradientWorkspace) input_gradient_workspace;
  decltype(&cuda::Layer<Lstm, T>::WeightGradientWorkspace) weight_gradient_workspace;
  decltype(&cuda::Layer<Lstm, T>::Forward) forward;
  decltype(&cuda::Layer<Lstm, T>::Backward) backward;
  decltype(&cuda::Layer<Lstm, T>::InputGradient) input_gradient;
  decltype(&cuda::Layer<Lstm, T>::WeightGradient) weight_gradient;
};

template <template <typename> class Cell, typename T>
const GpuKernels<T>& GpuKernelsOf() {
  using L = cuda::Layer<Cell, T>;
  static constexpr GpuKernels<T> kernels = {
      GpuCell<Cell>::kName,        &L::ReserveBytes,  &L::ForwardWorkspace,
      &L::BackwardWorkspace,       &L::CarryBytes,    &L::InputGradientWorkspace,
      &L::WeightGradientWorkspace, &L::Forward,       &L::Backward,
      &L::InputGradient,           &L::WeightGradient};
  return kernels;
}

}  // namespace tfrnn
