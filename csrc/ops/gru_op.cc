// TfrnnGru and its gradient.
#include "csrc/ops/register_cpu.h"

namespace tfrnn {
namespace {

CellCounts Counts(InferenceContext* c) {
  bool reset_after = true;
  return c->GetAttr("reset_after", &reset_after).ok() && !reset_after ? CountsOf<GruResetBefore>()
                                                                      : CountsOf<Gru>();
}

}  // namespace

TFRNN_DECLARE_OPS("TfrnnGru", Counts, .Attr("reset_after: bool = true"));
TFRNN_REGISTER_CPU_CELL("TfrnnGru", SelectGru);

}  // namespace tfrnn
