// TfrnnIndRnn and its gradient; its recurrent weights are its vector, recurrent_kernel is absent.
#include "csrc/cells/ind_rnn.h"
#include "csrc/ops/register.h"

namespace tfrnn {
namespace {

struct SelectIndRnn {
  template <typename TF>
  static RnnCell<TF> Cell(OpKernelConstruction*) {
    return DescribeCell<IndRnn, TF>();
  }
};

CellCounts Counts(InferenceContext*) { return CountsOf<IndRnn>(); }

}  // namespace

TFRNN_DECLARE_OPS("TfrnnIndRnn", Counts, );
TFRNN_REGISTER_CELL("TfrnnIndRnn", SelectIndRnn);

}  // namespace tfrnn
