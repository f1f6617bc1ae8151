#include "csrc/cells/ind_rnn.h"
#include "csrc/cpu/table.h"

namespace tfrnn::cpu::TFRNN_ISA {
TFRNN_INSTANTIATE(IndRnn);
}  // namespace tfrnn::cpu::TFRNN_ISA
