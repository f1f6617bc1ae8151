#include "cuda/column_sums.cuh"
#include "cuda/gemm.cuh"

namespace tfrnn::cuda {

#define TFRNN_INSTANTIATE(T)                                                                  \
  template Error RunGemm<T>(const Gemm&, const Blas&, Stream);                                \
  template Error RunColumnSums(const T*, std::int64_t, std::int64_t, std::int64_t, void*, T*, \
                               Stream);
TFRNN_INSTANTIATE(Half)
TFRNN_INSTANTIATE(BFloat16)
TFRNN_INSTANTIATE(float)
TFRNN_INSTANTIATE(double)
#undef TFRNN_INSTANTIATE

}  // namespace tfrnn::cuda
