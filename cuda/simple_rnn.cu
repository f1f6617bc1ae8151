#include "csrc/cells/simple_rnn.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<SimpleRnn, Half>;
template struct Layer<SimpleRnn, BFloat16>;
template struct Layer<SimpleRnn, float>;
template struct Layer<SimpleRnn, double>;
}  // namespace tfrnn::cuda
