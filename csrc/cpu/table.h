// The engine's functions for one cell and storage type, as the table the ops call through.
#pragma once

#include "csrc/cpu/backward.h"
#include "csrc/cpu/forward.h"
#include "csrc/cpu/general/backward.h"
#include "csrc/cpu/general/forward.h"
#include "csrc/cpu/input_gradient.h"
#include "csrc/cpu/kernels.h"
#include "csrc/cpu/weight_gradient.h"

namespace tfrnn::cpu::TFRNN_ISA {

// The plain loops or the general ones. A cell without recurrent products has no plain ones.
#define TFRNN_EITHER(Cell, options, Plain, General, ...) \
  if constexpr (Cell<float>::kRecurrent) {               \
    if (!(options).general) return Plain(__VA_ARGS__);   \
  }                                                      \
  return General(__VA_ARGS__)

template <template <typename> class Cell, typename T>
std::size_t EitherReserveBytes(const RnnShape& shape, const RnnOptions& options) {
  using A = ComputeType<T>;
  if (!options.general) return Layout<Cell, A>::ReserveBytes(shape);
  return GeneralReserve<Cell, A>(nullptr, shape, options).bytes;
}
template <template <typename> class Cell, typename T>
std::size_t EitherForwardWorkspace(const ForwardArgs<T>& args, const Pool& pool) {
  TFRNN_EITHER(Cell, args.options, (ForwardWorkspace<Cell, T>), (GeneralForwardWorkspace<Cell, T>),
               args, pool);
}
template <template <typename> class Cell, typename T>
std::size_t EitherBackwardWorkspace(const BackwardArgs<T>& args, const Pool& pool) {
  TFRNN_EITHER(Cell, args.options, (BackwardWorkspace<Cell, T>),
               (GeneralBackwardWorkspace<Cell, T>), args, pool);
}
template <template <typename> class Cell, typename T>
void EitherForward(const ForwardArgs<T>& args, const Pool& pool) {
  TFRNN_EITHER(Cell, args.options, (Forward<Cell, T>), (GeneralForward<Cell, T>), args, pool);
}
template <template <typename> class Cell, typename T>
void EitherBackward(const BackwardArgs<T>& args, const Pool& pool) {
  TFRNN_EITHER(Cell, args.options, (Backward<Cell, T>), (GeneralBackward<Cell, T>), args, pool);
}
#undef TFRNN_EITHER

template <template <typename> class Cell, typename T>
const Kernels<T>& Table() {
  static constexpr Kernels<T> table = {
      EitherReserveBytes<Cell, T>,      EitherForwardWorkspace<Cell, T>,
      EitherBackwardWorkspace<Cell, T>, InputGradientWorkspace<Cell, T>,
      WeightGradientWorkspace<Cell, T>, EitherForward<Cell, T>,
      EitherBackward<Cell, T>,          InputGradient<Cell, T>,
      WeightGradient<Cell, T>,
  };
  return table;
}

// Instantiates the table of a cell for every storage type the ops register.
#define TFRNN_INSTANTIATE(Cell)                          \
  template const Kernels<float>& Table<Cell, float>();   \
  template const Kernels<double>& Table<Cell, double>(); \
  template const Kernels<Half>& Table<Cell, Half>();     \
  template const Kernels<BFloat16>& Table<Cell, BFloat16>()

}  // namespace tfrnn::cpu::TFRNN_ISA
