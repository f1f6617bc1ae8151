#include "csrc/cells/lstm.h"
#include "csrc/cpu/table.h"

namespace tfrnn::cpu::TFRNN_ISA {
TFRNN_INSTANTIATE(Lstm);
}  // namespace tfrnn::cpu::TFRNN_ISA
