// How the CUDA side reports what went wrong, without a header of CUDA's.
#pragma once

#include <string>

struct CUstream_st;

namespace tfrnn::cuda {

using Error = std::string;    // "": none
using Stream = CUstream_st*;  // a cudaStream_t

}  // namespace tfrnn::cuda
