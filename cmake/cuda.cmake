# tfrnn_cuda: the GPU kernels; its sources see cuda/, csrc/cells and csrc/core, never TensorFlow.
# Shared by _core and libtfrnn_ops.so: they are most of what a wheel holds. The CUDA runtime is
# linked statically: see ops.cmake for why its place in the order matters.

set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  # Those of this machine's GPUs; without any, the oldest and a recent one prove that all compiles.
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                  OUTPUT_VARIABLE answer ERROR_QUIET RESULT_VARIABLE ignored)
  string(REGEX MATCHALL "[0-9]+\\.[0-9]" archs "${answer}")
  list(TRANSFORM archs REPLACE "\\." "")
  list(FILTER archs EXCLUDE REGEX "^([1-6].|7[0-4])$")  # older than nvcc 13 knows
  list(TRANSFORM archs REPLACE "^90$" 90a)
  list(REMOVE_DUPLICATES archs)
  if(NOT archs)
    set(archs 75 90a)
  endif()
  set(CMAKE_CUDA_ARCHITECTURES ${archs})
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} is nvcc ${CMAKE_CUDA_COMPILER_VERSION}; expected 13.0 "
                      "or newer.")
endif()

find_package(CUDAToolkit REQUIRED)
file(GLOB cuda_sources CONFIGURE_DEPENDS cuda/*.cu)
list(FILTER cuda_sources EXCLUDE REGEX "/microbench.cu$")
add_library(tfrnn_cuda SHARED ${cuda_sources} cuda/cublas.cc)
target_include_directories(tfrnn_cuda PUBLIC ${PROJECT_SOURCE_DIR})
target_include_directories(tfrnn_cuda SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS})
target_compile_definitions(tfrnn_cuda PUBLIC TFRNN_WITH_CUDA=1)
target_compile_options(tfrnn_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra --compress-mode=size>)
target_link_options(tfrnn_cuda PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,-z,relro,-z,now)
install(TARGETS tfrnn_cuda LIBRARY DESTINATION .)
target_link_libraries(tfrnn_cuda PUBLIC tfrnn_plan CUDA::cudart_static ${CMAKE_DL_LIBS})

# Measures the constants of cuda/constants.cc; built on request only.
add_executable(tfrnn_microbench EXCLUDE_FROM_ALL cuda/microbench.cu)
target_link_libraries(tfrnn_microbench PRIVATE tfrnn_cuda)
