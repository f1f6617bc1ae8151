// TfrnnSimpleRnn and its gradient.
#include "csrc/ops/register_cpu.h"

namespace tfrnn {
namespace {

CellCounts Counts(InferenceContext*) { return CountsOf<SimpleRnn>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnSimpleRnn", Counts, );
TFRNN_REGISTER_CPU_CELL("TfrnnSimpleRnn", SelectSimpleRnn);

}  // namespace tfrnn
