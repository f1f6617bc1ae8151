"""Programs that use tfrnn_ops for a whole job; each runs with `python -m`."""
