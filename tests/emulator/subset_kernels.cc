// The kernels of subset_test.cc.
#include "csrc/cells/gru.h"
#include "csrc/cells/gru_reset_before.h"
#include "csrc/cells/ind_rnn.h"
#include "csrc/cells/lstm.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<Lstm, BFloat16>;
template struct Layer<Lstm, double>;
template struct Layer<Gru, float>;
template struct Layer<GruResetBefore, double>;
template struct Layer<IndRnn, double>;
}  // namespace tfrnn::cuda
