// Runs the tests of a program if there is a GPU; else says so with the status that CTest shows as
// skipped.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdio>

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in CMakeLists.txt
  testing::InitGoogleTest(&argc, argv);
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if ((error != cudaSuccess || devices == 0) && !testing::GTEST_FLAG(list_tests)) {
    std::printf("no GPU to run on: %s\n",
                error == cudaSuccess ? "none" : cudaGetErrorString(error));
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
