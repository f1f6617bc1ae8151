#include "csrc/cells/lstm.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<Lstm, Half>;
template struct Layer<Lstm, BFloat16>;
template struct Layer<Lstm, float>;
template struct Layer<Lstm, double>;
}  // namespace tfrnn::cuda
