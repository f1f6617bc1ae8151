"""cuDNN's RNN functions over ctypes, so that each of its algorithms can be asked for by name."""
