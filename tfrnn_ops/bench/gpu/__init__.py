"""The benchmark on a GPU; nothing here needs TensorFlow."""
