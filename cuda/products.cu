#include "cuda/column_sums.cuh"
#include "cuda/drop.cuh"
#include "cuda/gather.cuh"
#include "cuda/gemm.cuh"

namespace tfrnn::cuda {

#define TFRNN_INSTANTIATE(T)                                                                      \
  template Error RunGemm<T>(const Gemm&, const Blas&, Stream);                                    \
  template Error RunColumnSums(const T*, std::int64_t, std::int64_t, std::int64_t, void*, T*,     \
                               Stream, bool);                                                     \
  template Error RunDrop(const DroppedRows<T>&, const T*, std::int64_t, T*, Stream);              \
  template Error RunAddDropped(const DroppedRows<T>&, const ComputeType<T>*, bool,                \
                               ComputeType<T>*, T*, Stream);                                      \
  template Error RunGather(const IndexedRows&, const T*, std::int64_t, T*, std::int64_t, Stream); \
  template Error RunListedSums(const IndexedRows&, const RowLists&, const T*, std::int64_t,       \
                               std::int64_t, T*, std::int64_t, Stream, bool);
TFRNN_INSTANTIATE(Half)
TFRNN_INSTANTIATE(BFloat16)
TFRNN_INSTANTIATE(float)
TFRNN_INSTANTIATE(double)
#undef TFRNN_INSTANTIATE
#define TFRNN_INSTANTIATE(T)                                                                      \
  template Error RunColumnSums(const float*, std::int64_t, std::int64_t, std::int64_t, void*, T*, \
                               Stream, bool);                                                     \
  template Error RunColumnSums(const T*, std::int64_t, std::int64_t, std::int64_t, void*, float*, \
                               Stream, bool);                                                     \
  template Error RunListedSums(const IndexedRows&, const RowLists&, const T*, std::int64_t,       \
                               std::int64_t, float*, std::int64_t, Stream, bool);                 \
  template Error RunRound(const float*, std::int64_t, T*, Stream);
TFRNN_INSTANTIATE(Half)
TFRNN_INSTANTIATE(BFloat16)
#undef TFRNN_INSTANTIATE

Error RunListRows(const IndexedRows& x, const RowLists& lists, Stream stream) {
  const Error error = TooManyRows(x);
  if (!error.empty()) return error;
  LaunchConfig config;
  config.grid_x = CeilDiv(x.count + 1, kGatherThreads), config.threads = kGatherThreads;
  config.shared_bytes = kIndexTile * sizeof(std::int32_t);
  config.stream = stream;
  return Launch(ListRows, config, x, lists);
}

}  // namespace tfrnn::cuda
