#include "csrc/cells/gru.h"
#include "cuda/stepwise.cuh"

namespace tfrnn::cuda {
template cudaError_t Forward<Gru, float>(const ForwardArgs<float>&, cudaStream_t);
template cudaError_t Forward<Gru, double>(const ForwardArgs<double>&, cudaStream_t);
}  // namespace tfrnn::cuda
