// Memory as the ops need it between kernels.
#pragma once

#include <cstddef>

#include "cuda/error.h"

namespace tfrnn::cuda {

Error Clear(void* data, std::size_t bytes, Stream stream);

// Both lie on the device and do not overlap.
Error Copy(void* to, const void* from, std::size_t bytes, Stream stream);

// `count` rows of so many bytes, from one of which to the next it is a pitch.
Error CopyRows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
               std::size_t bytes, std::size_t count, Stream stream);

}  // namespace tfrnn::cuda
