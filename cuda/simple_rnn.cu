#include "csrc/cells/simple_rnn.h"
#include "cuda/stepwise.cuh"

namespace tfrnn::cuda {
template cudaError_t Forward<SimpleRnn, float>(const ForwardArgs<float>&, cudaStream_t);
template cudaError_t Forward<SimpleRnn, double>(const ForwardArgs<double>&, cudaStream_t);
}  // namespace tfrnn::cuda
