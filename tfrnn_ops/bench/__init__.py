"""The benchmark, run by `python -m tfrnn_ops.bench`."""

PROGRAM = "python -m tfrnn_ops.bench"
