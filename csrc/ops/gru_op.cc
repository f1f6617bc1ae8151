// TfrnnGru and its gradient.
#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/ops/register.h"

namespace tfrnn {
namespace {

// reset_after decides between two cells.
struct SelectGru {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction* c) {
    bool reset_after = true;
    c->SetStatus(c->GetAttr("reset_after", &reset_after));
    return reset_after ? DescribeCell<Gru, TF>() : DescribeCell<GruResetBefore, TF>();
  }
};

CellCounts Counts(InferenceContext* c) {
  bool reset_after = true;
  return c->GetAttr("reset_after", &reset_after).ok() && !reset_after ? CountsOf<GruResetBefore>()
                                                                      : CountsOf<Gru>();
}

}  // namespace

TFRNN_DECLARE_OPS("TfrnnGru", Counts, .Attr("reset_after: bool = true"));
TFRNN_REGISTER_CELL("TfrnnGru", SelectGru);

}  // namespace tfrnn
