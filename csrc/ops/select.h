// Which cell an op's attributes ask for.
#pragma once

#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "csrc/cells/simple_rnn.h"
#include "csrc/ops/rnn_cell.h"

namespace tfrnn {

// Of an op that has one cell only.
template <template <typename> class CellT>
struct SelectOnly {
  template <typename Engine>
  static RnnCell<Engine> Cell(tensorflow::OpKernelConstruction*) {
    return DescribeCell<CellT, Engine>();
  }
};

using SelectLstm = SelectOnly<Lstm>;
using SelectSimpleRnn = SelectOnly<SimpleRnn>;
using SelectIndRnn = SelectOnly<IndRnn>;

// reset_after decides between two cells.
struct SelectGru {
  template <typename Engine>
  static RnnCell<Engine> Cell(tensorflow::OpKernelConstruction* c) {
    bool reset_after = true;
    c->SetStatus(c->GetAttr("reset_after", &reset_after));
    return reset_after ? DescribeCell<Gru, Engine>() : DescribeCell<GruResetBefore, Engine>();
  }
};

}  // namespace tfrnn
