"""The state of an LSTM, as functions take and return it."""

from __future__ import annotations

from typing import Any, NamedTuple


class LSTMState(NamedTuple):
    """The two state tensors of an LSTM.

    Attributes:
        h: `[batch, units]`, the last output.
        c: `[batch, units]`, the memory cell.
    """

    h: Any
    c: Any
