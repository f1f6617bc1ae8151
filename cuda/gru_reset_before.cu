#include "csrc/cells/gru_reset_before.h"
#include "cuda/layer.cuh"

namespace tfrnn::cuda {
template struct Layer<GruResetBefore, Half>;
template struct Layer<GruResetBefore, BFloat16>;
template struct Layer<GruResetBefore, float>;
template struct Layer<GruResetBefore, double>;
}  // namespace tfrnn::cuda
