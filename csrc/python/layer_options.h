// The options of a layer as a dictionary.
#pragma once

#include <pybind11/pybind11.h>

#include "csrc/core/args.h"

namespace tfrnn {

// Options by their names in RnnOptions, activations by theirs in Keras; masked steps put out zeros,
// as in PyTorch, unless the dictionary says otherwise. Raises ValueError for a name that is
// unknown.
RnnOptions OptionsFrom(const pybind11::dict& dictionary);

}  // namespace tfrnn
