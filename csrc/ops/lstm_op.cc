// TfrnnLstm and its gradient; vectors are the peepholes of i, f and o.
#include "csrc/ops/register_cpu.h"

namespace tfrnn {
namespace {

CellCounts Counts(InferenceContext*) { return CountsOf<Lstm>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnLstm", Counts, );
TFRNN_REGISTER_CPU_CELL("TfrnnLstm", SelectLstm);

}  // namespace tfrnn
