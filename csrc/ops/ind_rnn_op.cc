// TfrnnIndRnn and its gradient; its recurrent weights are its vector, recurrent_kernel is absent.
#include "csrc/ops/register_cpu.h"

namespace tfrnn {
namespace {

CellCounts Counts(InferenceContext*) { return CountsOf<IndRnn>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnIndRnn", Counts, );
TFRNN_REGISTER_CPU_CELL("TfrnnIndRnn", SelectIndRnn);

}  // namespace tfrnn
