#include "csrc/cells/simple_rnn.h"
#include "csrc/cpu/table.h"

namespace tfrnn::cpu::TFRNN_ISA {
TFRNN_INSTANTIATE(SimpleRnn);
}  // namespace tfrnn::cpu::TFRNN_ISA
