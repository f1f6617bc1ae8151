#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cpu/table.h"

namespace tfrnn::cpu::TFRNN_ISA {
TFRNN_INSTANTIATE(Gru);
TFRNN_INSTANTIATE(GruResetBefore);
}  // namespace tfrnn::cpu::TFRNN_ISA
