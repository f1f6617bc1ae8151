"""The functions of cuDNN 9 that an RNN needs, as its header cudnn_adv.h declares them."""

from __future__ import annotations

import ctypes
import enum
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "libcudnn.so.9"


class Algorithm(enum.IntEnum):
    """cudnnRNNAlgo_t."""

    STANDARD = 0
    PERSIST_STATIC = 1
    PERSIST_DYNAMIC = 2
    PERSIST_STATIC_SMALL_H = 3


class Cell(enum.IntEnum):
    """cudnnRNNMode_t."""

    RELU = 0
    TANH = 1
    LSTM = 2
    GRU = 3


class Bias(enum.IntEnum):
    """cudnnRNNBiasMode_t."""

    NONE = 0
    SINGLE_INPUT = 1
    DOUBLE = 2
    SINGLE_RECURRENT = 3


class Direction(enum.IntEnum):
    """cudnnDirectionMode_t."""

    UNIDIRECTIONAL = 0
    BIDIRECTIONAL = 1


class InputMode(enum.IntEnum):
    """cudnnRNNInputMode_t."""

    LINEAR = 0
    SKIP = 1


class DataType(enum.IntEnum):
    """cudnnDataType_t."""

    FLOAT = 0
    DOUBLE = 1
    HALF = 2
    BFLOAT16 = 9


class MathType(enum.IntEnum):
    """cudnnMathType_t."""

    DEFAULT = 0
    TENSOR_OP = 1
    TENSOR_OP_ALLOW_CONVERSION = 2
    FMA = 3


class ForwardMode(enum.IntEnum):
    """cudnnForwardMode_t."""

    INFERENCE = 0
    TRAINING = 1


class Layout(enum.IntEnum):
    """cudnnRNNDataLayout_t."""

    SEQ_MAJOR_UNPACKED = 0
    SEQ_MAJOR_PACKED = 1
    BATCH_MAJOR_UNPACKED = 2


WGRAD_ADD = 0  # cudnnWgradMode_t: the only mode for an RNN
PADDED_IO_ENABLED = 1  # auxFlags: sequences of different lengths lie in an unpacked layout

_HANDLE = _DESCRIPTOR = _POINTER = ctypes.c_void_p  # opaque, or memory of the device
_ENUM = _INT = ctypes.c_int
_INT32, _UINT32, _SIZE = ctypes.c_int32, ctypes.c_uint32, ctypes.c_size_t


def _out(kind: Any) -> Any:
    return ctypes.POINTER(kind)


_SPACES = [_SIZE, _POINTER, _SIZE, _POINTER, _SIZE, _POINTER]  # weights, workspace, reserve

# Arguments of every function that returns a cudnnStatus_t.
ARGUMENTS: dict[str, list[Any]] = {
    "cudnnCreate": [_out(_HANDLE)],
    "cudnnDestroy": [_HANDLE],
    "cudnnSetStream": [_HANDLE, _POINTER],
    "cudnnCreateTensorDescriptor": [_out(_DESCRIPTOR)],
    "cudnnDestroyTensorDescriptor": [_DESCRIPTOR],
    "cudnnSetTensorNdDescriptor": [_DESCRIPTOR, _ENUM, _INT, _out(_INT), _out(_INT)],
    "cudnnGetTensorNdDescriptor": [
        _DESCRIPTOR,
        _INT,
        _out(_ENUM),
        _out(_INT),
        _out(_INT),
        _out(_INT),
    ],
    "cudnnCreateRNNDescriptor": [_out(_DESCRIPTOR)],
    "cudnnDestroyRNNDescriptor": [_DESCRIPTOR],
    # algorithm, cell, bias, direction, input mode, data type, math precision, math type; input
    # size, hidden size, projection size, layers; dropout, flags
    "cudnnSetRNNDescriptor_v8": [
        _DESCRIPTOR,
        *[_ENUM] * 8,
        *[_INT32] * 4,
        _DESCRIPTOR,
        _UINT32,
    ],
    "cudnnGetRNNDescriptor_v8": [
        _DESCRIPTOR,
        *[_out(_ENUM)] * 8,
        *[_out(_INT32)] * 4,
        _out(_DESCRIPTOR),
        _out(_UINT32),
    ],
    "cudnnBuildRNNDynamic": [_HANDLE, _DESCRIPTOR, _INT],
    "cudnnCreateRNNDataDescriptor": [_out(_DESCRIPTOR)],
    "cudnnDestroyRNNDataDescriptor": [_DESCRIPTOR],
    # data type, layout, longest sequence, batch, vector size, lengths, fill for padding
    "cudnnSetRNNDataDescriptor": [
        _DESCRIPTOR,
        _ENUM,
        _ENUM,
        _INT,
        _INT,
        _INT,
        _out(_INT),
        _POINTER,
    ],
    # ... the same, but the number of lengths before the lengths
    "cudnnGetRNNDataDescriptor": [
        _DESCRIPTOR,
        _out(_ENUM),
        _out(_ENUM),
        _out(_INT),
        _out(_INT),
        _out(_INT),
        _INT,
        _out(_INT),
        _POINTER,
    ],
    "cudnnGetRNNWeightSpaceSize": [_HANDLE, _DESCRIPTOR, _out(_SIZE)],
    "cudnnGetRNNTempSpaceSizes": [
        _HANDLE,
        _DESCRIPTOR,
        _ENUM,
        _DESCRIPTOR,
        _out(_SIZE),
        _out(_SIZE),
    ],
    # pseudo-layer, weight space, linear layer; descriptor and address of the matrix, of the bias
    "cudnnGetRNNWeightParams": [
        _HANDLE,
        _DESCRIPTOR,
        _INT32,
        _SIZE,
        _POINTER,
        _INT32,
        _DESCRIPTOR,
        _out(_POINTER),
        _DESCRIPTOR,
        _out(_POINTER),
    ],
    # mode, lengths; x, y; h: hx, hy; c: cx, cy
    "cudnnRNNForward": [
        _HANDLE,
        _DESCRIPTOR,
        _ENUM,
        _POINTER,
        *[_DESCRIPTOR, _POINTER] * 2,
        *[_DESCRIPTOR, _POINTER, _POINTER] * 2,
        *_SPACES,
    ],
    # lengths; y: y, dy; x: dx; h: hx, dhy, dhx; c: cx, dcy, dcx
    "cudnnRNNBackwardData_v8": [
        _HANDLE,
        _DESCRIPTOR,
        _POINTER,
        _DESCRIPTOR,
        _POINTER,
        _POINTER,
        _DESCRIPTOR,
        _POINTER,
        *[_DESCRIPTOR, _POINTER, _POINTER, _POINTER] * 2,
        *_SPACES,
    ],
    # mode, lengths; x, h: hx, y; dweights
    "cudnnRNNBackwardWeights_v8": [
        _HANDLE,
        _DESCRIPTOR,
        _ENUM,
        _POINTER,
        *[_DESCRIPTOR, _POINTER] * 3,
        *_SPACES,
    ],
}


class CudnnError(RuntimeError):
    """A function has failed: its name, the status and what cuDNN says about it."""


class Library:
    """cuDNN, with every function of `ARGUMENTS` as a method that raises `CudnnError`.

    Args:
        path: of the shared library.

    Raises:
        OSError: it cannot be loaded.
    """

    def __init__(self, path: str):
        self._library = ctypes.CDLL(path)
        self._library.cudnnGetErrorString.restype = ctypes.c_char_p
        self._library.cudnnGetLastErrorString.argtypes = [ctypes.c_char_p, _SIZE]
        self._library.cudnnGetLastErrorString.restype = None
        self._library.cudnnGetVersion.restype = _SIZE
        for name, arguments in ARGUMENTS.items():
            function = getattr(self._library, name)
            function.argtypes = arguments
            function.restype = ctypes.c_int

    @property
    def version(self) -> int:
        """Such as 91000 for 9.10.0."""
        return self._library.cudnnGetVersion()

    def __getattr__(self, name: str) -> Any:
        if name not in ARGUMENTS:
            raise AttributeError(name)

        def call(*arguments: Any) -> None:
            status = getattr(self._library, name)(*arguments)
            if status != 0:
                text = self._library.cudnnGetErrorString(status).decode()
                message = ctypes.create_string_buffer(512)
                self._library.cudnnGetLastErrorString(message, len(message))
                details = message.value.decode(errors="replace").strip()
                raise CudnnError(f"{name}: {text}" + (f" ({details})" if details else ""))

        return call


def paths() -> Iterator[str]:
    """Where cuDNN may be: in the process already, else in the packages that PyTorch brings."""
    yield FILE
    spec = importlib.util.find_spec("nvidia.cudnn") if importlib.util.find_spec("nvidia") else None
    for folder in spec.submodule_search_locations or () if spec else ():
        yield str(Path(folder, "lib", FILE))


def load() -> Library:
    """Loads the first that there is.

    Raises:
        OSError: there is none.
    """
    errors = []
    for path in paths():
        try:
            return Library(path)
        except OSError as error:
            errors.append(str(error))
    raise OSError("; ".join(errors))
