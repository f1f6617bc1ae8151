// Launching and timing for cuda/microbench.cu; ends the program at the first CUDA error.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace tfrnn::microbench {

#define TFRNN_CHECK(call) ::tfrnn::microbench::Check((call), #call, __LINE__)

inline void Check(cudaError_t error, const char* what, int line) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "microbench: line %d: %s: %s\n", line, what, cudaGetErrorString(error));
  std::exit(1);
}

// Device memory, zeroed.
template <typename T>
class Buffer {
 public:
  explicit Buffer(std::size_t count) : count_(count) {
    TFRNN_CHECK(cudaMalloc(&data_, count * sizeof(T)));
    Clear();
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void Clear() { TFRNN_CHECK(cudaMemset(data_, 0, count_ * sizeof(T))); }
  T* get() const { return data_; }
  T first() const {
    T value;
    TFRNN_CHECK(cudaMemcpy(&value, data_, sizeof(T), cudaMemcpyDeviceToHost));
    return value;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

struct Shape {
  int blocks = 1, threads = 256;
  std::size_t shared = 0;
  int cluster = 0;           // blocks of a cluster, 0: no clusters
  bool cooperative = false;  // all blocks resident at once
  bool dependent = false;    // may start before the last kernel has ended
};

template <typename... Parameters, typename... Arguments>
void Launch(const Shape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            Arguments... arguments) {
  TFRNN_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shape.shared)));
  cudaLaunchAttribute attributes[3];
  cudaLaunchConfig_t config = {};
  config.gridDim = static_cast<unsigned>(shape.blocks);
  config.blockDim = static_cast<unsigned>(shape.threads);
  config.dynamicSmemBytes = shape.shared;
  config.stream = stream;
  config.attrs = attributes;
  if (shape.cluster > 0) {
    TFRNN_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
  }
  if (shape.cooperative) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
  }
  if (shape.dependent) {
    cudaLaunchAttribute& attribute = attributes[config.numAttrs++];
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
  }
  TFRNN_CHECK(cudaLaunchKernelEx(&config, kernel, arguments...));
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr int kRounds = 7;  // the first of which warms up

// Cycles that a kernel has left in *cycles, the median of some launches. `before` is called before
// each.
template <typename Before, typename... Parameters, typename... Arguments>
double Cycles(const Shape& shape, const Buffer<long long>& cycles, Before before,
              void (*kernel)(long long*, Parameters...), Arguments... arguments) {
  std::vector<double> found;
  for (int round = 0; round < kRounds; ++round) {
    before();
    Launch(shape, nullptr, kernel, cycles.get(), arguments...);
    TFRNN_CHECK(cudaDeviceSynchronize());
    if (round > 0) found.push_back(static_cast<double>(cycles.first()));
  }
  return Median(found);
}

// Microseconds of `enqueue(stream)`, by events, the median of some.
template <typename Enqueue>
double Microseconds(cudaStream_t stream, Enqueue enqueue) {
  cudaEvent_t begin, end;
  TFRNN_CHECK(cudaEventCreate(&begin));
  TFRNN_CHECK(cudaEventCreate(&end));
  std::vector<double> found;
  for (int round = 0; round < kRounds; ++round) {
    TFRNN_CHECK(cudaEventRecord(begin, stream));
    enqueue(stream);
    TFRNN_CHECK(cudaEventRecord(end, stream));
    TFRNN_CHECK(cudaEventSynchronize(end));
    float ms = 0;
    TFRNN_CHECK(cudaEventElapsedTime(&ms, begin, end));
    if (round > 0) found.push_back(1e3 * ms);
  }
  TFRNN_CHECK(cudaEventDestroy(begin));
  TFRNN_CHECK(cudaEventDestroy(end));
  return Median(found);
}

// Microseconds of one of `nodes` launches in a captured graph.
template <typename Enqueue>
double GraphMicroseconds(int nodes, Enqueue launch) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  TFRNN_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  TFRNN_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  for (int i = 0; i < nodes; ++i) launch(stream);
  TFRNN_CHECK(cudaStreamEndCapture(stream, &graph));
  TFRNN_CHECK(cudaGraphInstantiate(&executable, graph, 0));
  const double us = Microseconds(
      stream, [executable](cudaStream_t s) { TFRNN_CHECK(cudaGraphLaunch(executable, s)); });
  TFRNN_CHECK(cudaGraphExecDestroy(executable));
  TFRNN_CHECK(cudaGraphDestroy(graph));
  TFRNN_CHECK(cudaStreamDestroy(stream));
  return us / nodes;
}

}  // namespace tfrnn::microbench
