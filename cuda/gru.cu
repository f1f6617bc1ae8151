#include "csrc/cells/gru.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<Gru, Half>;
template struct Layer<Gru, BFloat16>;
template struct Layer<Gru, float>;
template struct Layer<Gru, double>;
}  // namespace tfrnn::cuda
