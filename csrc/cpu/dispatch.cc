#include <cstdlib>
#include <cstring>

#include "csrc/cpu/kernels.h"

namespace tfrnn::cpu {
namespace {

struct Choice {
  Isa isa = Isa::kBaseline;
  const char* note = "";
};

bool Supported(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  switch (isa) {
    case Isa::kAvx512:
      return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    case Isa::kAvx2:
      return avx2;
    case Isa::kBaseline:
      break;
  }
#endif
  return isa == Isa::kBaseline;
}

Choice Choose() {
  constexpr Isa kAll[] = {Isa::kAvx512, Isa::kAvx2, Isa::kBaseline};
  Choice best;
  for (const Isa isa : kAll) {
    if (Supported(isa)) {
      best.isa = isa;
      break;
    }
  }
  const char* wanted = std::getenv("TFRNN_ISA");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (const Isa isa : kAll) {
    if (std::strcmp(wanted, IsaName(isa)) == 0) {
      if (Supported(isa)) return {isa, "forced by TFRNN_ISA"};
      best.note = "TFRNN_ISA names an instruction set this machine does not have; ignored";
      return best;
    }
  }
  best.note = "TFRNN_ISA is none of baseline, avx2, avx512; ignored";
  return best;
}

const Choice& Active() {
  static const Choice choice = Choose();
  return choice;
}

}  // namespace

Isa ActiveIsa() { return Active().isa; }
const char* IsaNote() { return Active().note; }

const char* IsaName(Isa isa) {
  switch (isa) {
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
