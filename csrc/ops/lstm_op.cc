// TfrnnLstm and its gradient; vectors are the peepholes of i, f and o.
#include "csrc/cells/lstm.h"
#include "csrc/ops/register.h"

namespace tfrnn {
namespace {

struct SelectLstm {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction*) {
    return DescribeCell<Lstm, TF>();
  }
};

CellCounts Counts(InferenceContext*) { return CountsOf<Lstm>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnLstm", Counts, );
TFRNN_REGISTER_CELL("TfrnnLstm", SelectLstm);

}  // namespace tfrnn
