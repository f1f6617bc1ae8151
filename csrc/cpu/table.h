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

template <template <typename> class Cell, typename T>
std::size_t PlainReserveBytes(const RnnShape& shape, const RnnOptions&) {
  return Layout<Cell, OperandType<T>>::ReserveBytes(shape);
}
template <template <typename> class Cell, typename T>
std::size_t GeneralReserveBytes(const RnnShape& shape, const RnnOptions& options) {
  return GeneralReserve<Cell, OperandType<T>>(nullptr, shape, options).bytes;
}

// The plain loops, or the general ones: all that there is for a cell without recurrent products.
// Where operands are narrower than sums, the general loops are those of AVX-512, which widen them.
template <template <typename> class Cell, typename T>
const Kernels<T>& KernelsFor(const RnnOptions& options) {
  if constexpr (Cell<float>::kRecurrent) {
    static constexpr Kernels<T> plain = {
        PlainReserveBytes<Cell, T>,
        ForwardWorkspace<Cell, T>,
        BackwardWorkspace<Cell, T>,
        InputGradientWorkspace<Cell, T>,
        WeightGradientWorkspace<Cell, T>,
        Forward<Cell, T>,
        Backward<Cell, T>,
        InputGradient<Cell, T>,
        WeightGradient<Cell, T>,
    };
    if (!options.general) return plain;
  }
  if constexpr (kNarrow<OperandType<T>>) {
    return avx512::Table<Cell, T>();
  } else {
    static constexpr Kernels<T> general = {
        GeneralReserveBytes<Cell, T>,      GeneralForwardWorkspace<Cell, T>,
        GeneralBackwardWorkspace<Cell, T>, InputGradientWorkspace<Cell, T>,
        WeightGradientWorkspace<Cell, T>,  GeneralForward<Cell, T>,
        GeneralBackward<Cell, T>,          InputGradient<Cell, T>,
        WeightGradient<Cell, T>,
    };
    return general;
  }
}

template <template <typename> class Cell, typename T>
std::size_t ReserveBytes(const RnnShape& shape, const RnnOptions& options) {
  return KernelsFor<Cell, T>(options).reserve_bytes(shape, options);
}
template <template <typename> class Cell, typename T, typename Args,
          std::size_t (*Kernels<T>::*kFunction)(const Args&, const Pool&)>
std::size_t Workspace(const Args& args, const Pool& pool) {
  return (KernelsFor<Cell, T>(args.options).*kFunction)(args, pool);
}
template <template <typename> class Cell, typename T, typename Args,
          void (*Kernels<T>::*kFunction)(const Args&, const Pool&)>
void Run(const Args& args, const Pool& pool) {
  (KernelsFor<Cell, T>(args.options).*kFunction)(args, pool);
}

template <template <typename> class Cell, typename T>
const Kernels<T>& Table() {
  using K = Kernels<T>;
  static constexpr K table = {
      ReserveBytes<Cell, T>,
      Workspace<Cell, T, ForwardArgs<T>, &K::forward_workspace>,
      Workspace<Cell, T, BackwardArgs<T>, &K::backward_workspace>,
      Workspace<Cell, T, InputGradientArgs<T>, &K::input_gradient_workspace>,
      Workspace<Cell, T, WeightGradientArgs<T>, &K::weight_gradient_workspace>,
      Run<Cell, T, ForwardArgs<T>, &K::forward>,
      Run<Cell, T, BackwardArgs<T>, &K::backward>,
      Run<Cell, T, InputGradientArgs<T>, &K::input_gradient>,
      Run<Cell, T, WeightGradientArgs<T>, &K::weight_gradient>,
  };
  return table;
}

// Instantiates the table of a cell for every storage type that the ops register and the
// instruction set has loops of its own for.
#if defined(__AVX512BF16__)
#define TFRNN_INSTANTIATE(Cell) template const Kernels<BFloat16>& Table<Cell, BFloat16>()
#else
#define TFRNN_INSTANTIATE(Cell)                          \
  template const Kernels<float>& Table<Cell, float>();   \
  template const Kernels<double>& Table<Cell, double>(); \
  template const Kernels<Half>& Table<Cell, Half>();     \
  template const Kernels<BFloat16>& Table<Cell, BFloat16>()
#endif

}  // namespace tfrnn::cpu::TFRNN_ISA
