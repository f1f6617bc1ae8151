#include "csrc/cells/ind_rnn.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<IndRnn, Half>;
template struct Layer<IndRnn, BFloat16>;
template struct Layer<IndRnn, float>;
template struct Layer<IndRnn, double>;
}  // namespace tfrnn::cuda
