#include <cstdlib>
#include <string>

#include "csrc/cpu/kernels.h"

namespace tfrnn::cpu {
namespace {

constexpr Isa kAll[] = {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16};

struct Choice {
  Isa isa = Isa::kBaseline;
  std::string error;
};

Choice Choose() {
  Choice best;
  std::string names;
  const char* const wanted = std::getenv("TFRNN_ISA");
  const bool forced = wanted != nullptr && *wanted != '\0';
  for (const Isa isa : kAll) {
    if (!IsaRuns(isa)) continue;
    best.isa = isa;
    if (forced && IsaName(isa) == std::string(wanted)) return best;
    names += (names.empty() ? "" : ", ") + std::string(IsaName(isa));
  }
  if (forced) {
    best.error =
        "TFRNN_ISA must name an instruction set of this machine (" + names + "), found " + wanted;
  }
  return best;
}

const Choice& Active() {
  static const Choice choice = Choose();
  return choice;
}

}  // namespace

bool IsaRuns(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Every processor with AVX2 converts float16 too (F16C), which Clang 14 cannot ask for.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  switch (isa) {
    case Isa::kAvx512Bf16:
      return avx512 && __builtin_cpu_supports("avx512bf16");
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx2:
      return avx2;
    case Isa::kBaseline:
      break;
  }
#endif
  return isa == Isa::kBaseline;
}

Isa ActiveIsa() { return Active().isa; }
const char* IsaError() { return Active().error.c_str(); }

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kBaseline:
      break;
  }
  return "baseline";
}

}  // namespace tfrnn::cpu
