// The CPU engine's whole surface: one table of functions per cell, storage type and instruction
// set, and the choice among the instruction sets at run time.
#pragma once

#include <cstddef>
#include <type_traits>

#include "csrc/core/args.h"
#include "csrc/core/types.h"
#include "csrc/cpu/pool.h"

namespace tfrnn::cpu {

template <typename T>
struct Kernels {
  // Bytes of ForwardArgs::reserve_space, also of BackwardArgs::dgates.
  std::size_t (*reserve_bytes)(const RnnShape& shape, const RnnOptions& options);
  // Bytes of workspace a call needs. Of the pointers in args only whether the optional ones
  // (reserve_space, mask, dropout) are there is looked at.
  std::size_t (*forward_workspace)(const ForwardArgs<T>& args, const Pool& pool);
  std::size_t (*backward_workspace)(const BackwardArgs<T>& args, const Pool& pool);
  std::size_t (*input_gradient_workspace)(const InputGradientArgs<T>& args, const Pool& pool);
  std::size_t (*weight_gradient_workspace)(const WeightGradientArgs<T>& args, const Pool& pool);
  void (*forward)(const ForwardArgs<T>& args, const Pool& pool);
  void (*backward)(const BackwardArgs<T>& args, const Pool& pool);
  void (*input_gradient)(const InputGradientArgs<T>& args, const Pool& pool);
  void (*weight_gradient)(const WeightGradientArgs<T>& args, const Pool& pool);
};

// Workspaces and reserve spaces start at a multiple of this.
constexpr std::size_t kAlignment = 64;

enum class Isa { kBaseline, kAvx2, kAvx512, kAvx512Bf16 };

// The widest instruction set of this machine, or the one that TFRNN_ISA (read once) names.
Isa ActiveIsa();
// What is wrong with TFRNN_ISA, empty if nothing is.
const char* IsaError();
// The names that TFRNN_ISA may have: baseline, avx2, avx512, avx512_bf16.
const char* IsaName(Isa isa);
// Whether this machine has it.
bool IsaRuns(Isa isa);

// Defined in csrc/cpu/isa/engine_<cell>.cc, compiled once for each instruction set.
namespace baseline {
template <template <typename> class Cell, typename T>
const Kernels<T>& Table();
}
namespace avx2 {
template <template <typename> class Cell, typename T>
const Kernels<T>& Table();
}
namespace avx512 {
template <template <typename> class Cell, typename T>
const Kernels<T>& Table();
}
namespace avx512_bf16 {  // bfloat16 only
template <template <typename> class Cell, typename T>
const Kernels<T>& Table();
}

template <template <typename> class Cell, typename T>
const Kernels<T>& GetKernels() {
#if defined(__x86_64__)
  switch (ActiveIsa()) {
    case Isa::kAvx512Bf16:
      if constexpr (std::is_same_v<T, BFloat16>) return avx512_bf16::Table<Cell, T>();
      [[fallthrough]];
    case Isa::kAvx512:
      return avx512::Table<Cell, T>();
    case Isa::kAvx2:
      return avx2::Table<Cell, T>();
    case Isa::kBaseline:
      break;
  }
#endif
  return baseline::Table<Cell, T>();
}

}  // namespace tfrnn::cpu
