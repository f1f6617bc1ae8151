// TfrnnSimpleRnn and its gradient.
#include "csrc/cells/simple_rnn.h"
#include "csrc/ops/register.h"

namespace tfrnn {
namespace {

struct SelectSimpleRnn {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction*) {
    return DescribeCell<SimpleRnn, TF>();
  }
};

CellCounts Counts(InferenceContext*) { return CountsOf<SimpleRnn>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnSimpleRnn", Counts, );
TFRNN_REGISTER_CELL("TfrnnSimpleRnn", SelectSimpleRnn);

}  // namespace tfrnn
