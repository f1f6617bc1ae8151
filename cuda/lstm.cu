#include "csrc/cells/lstm.h"
#include "cuda/stepwise.cuh"

namespace tfrnn::cuda {
template cudaError_t Forward<Lstm, float>(const ForwardArgs<float>&, cudaStream_t);
template cudaError_t Forward<Lstm, double>(const ForwardArgs<double>&, cudaStream_t);
}  // namespace tfrnn::cuda
