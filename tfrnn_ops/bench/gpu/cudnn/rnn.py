"""One layer of cuDNN: its descriptors, its weights and its three calls."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.cudnn.library import (
    PADDED_IO_ENABLED,
    WGRAD_ADD,
    Algorithm,
    Bias,
    Cell,
    DataType,
    Direction,
    ForwardMode,
    InputMode,
    Layout,
    Library,
    MathType,
)

CELLS = {"lstm": Cell.LSTM, "gru": Cell.GRU, "simple_rnn": Cell.TANH}
# Of the case: type of the tensors, what sums are in, and what matrix instructions may be used.
TYPES = {
    "float16": (DataType.HALF, DataType.FLOAT, MathType.TENSOR_OP),
    "bfloat16": (DataType.BFLOAT16, DataType.FLOAT, MathType.TENSOR_OP),
    "tf32": (DataType.FLOAT, DataType.FLOAT, MathType.DEFAULT),
    "float32": (DataType.FLOAT, DataType.FLOAT, MathType.FMA),
}


def settings(case: GpuCase, algorithm: Algorithm) -> list[int | None]:
    """The arguments of cudnnSetRNNDescriptor_v8 after the descriptor."""
    features, units = case.shape.features, case.shape.units
    direction = Direction.BIDIRECTIONAL if case.directions == 2 else Direction.UNIDIRECTIONAL
    return [
        algorithm,
        CELLS[case.cell],
        Bias.DOUBLE,
        direction,
        InputMode.LINEAR,
        *TYPES[case.dtype],
        features,
        units,
        units,  # no projection: as wide as the state
        1,  # layer
        None,  # dropout
        PADDED_IO_ENABLED,
    ]


def data_settings(case: GpuCase, width: int) -> list[Any]:
    """The arguments of cudnnSetRNNDataDescriptor after the descriptor, for x or y."""
    shape = case.shape
    lengths = [shape.time] * shape.batch if shape.lengths is None else list(map(int, shape.lengths))
    return [
        TYPES[case.dtype][0],
        Layout.SEQ_MAJOR_UNPACKED,
        shape.time,
        shape.batch,
        width,
        (ctypes.c_int * shape.batch)(*lengths),
        None,  # padding is not written
    ]


def ints(values: Sequence[int]) -> Any:
    """An array of C's int."""
    return (ctypes.c_int * len(values))(*values)


class Descriptors:
    """The descriptors of a layer; none of them needs a GPU.

    Args:
        library: cuDNN.
        case: the layer and its batch.
        algorithm: the one that is asked for.

    Raises:
        CudnnError: cuDNN refuses.
    """

    def __init__(self, library: Library, case: GpuCase, algorithm: Algorithm):
        self._library = library
        self._destroy: list[tuple[str, Any]] = []
        try:
            self.rnn = self._create("RNN")
            library.cudnnSetRNNDescriptor_v8(self.rnn, *settings(case, algorithm))
            self.x = self._data(case, case.shape.features)
            self.y = self._data(case, case.directions * case.shape.units)
            self.state = self._tensor(case, [case.directions, case.shape.batch, case.shape.units])
            self.matrix, self.bias = self._create("Tensor"), self._create("Tensor")
        except BaseException:
            self.close()
            raise

    def _create(self, kind: str) -> ctypes.c_void_p:
        descriptor = ctypes.c_void_p()
        getattr(self._library, f"cudnnCreate{kind}Descriptor")(ctypes.byref(descriptor))
        self._destroy.append((f"cudnnDestroy{kind}Descriptor", descriptor))
        return descriptor

    def _data(self, case: GpuCase, width: int) -> ctypes.c_void_p:
        descriptor = self._create("RNNData")
        self._library.cudnnSetRNNDataDescriptor(descriptor, *data_settings(case, width))
        return descriptor

    def _tensor(self, case: GpuCase, sizes: Sequence[int]) -> ctypes.c_void_p:
        descriptor = self._create("Tensor")
        strides = [sizes[1] * sizes[2], sizes[2], 1]
        self._library.cudnnSetTensorNdDescriptor(
            descriptor, TYPES[case.dtype][0], len(sizes), ints(sizes), ints(strides)
        )
        return descriptor

    def close(self) -> None:
        """Destroys them."""
        for name, descriptor in reversed(self._destroy):
            getattr(self._library, name)(descriptor)
        self._destroy.clear()


class Rnn:
    """A layer that can run. Tensors are PyTorch's, on the GPU; None stands for what nobody wants.

    Args:
        library: cuDNN.
        handle: of cudnnCreate.
        case: the layer and its batch.
        algorithm: the one that is asked for.
        training: whether forward keeps what backward needs.

    Raises:
        CudnnError: cuDNN refuses.
    """

    def __init__(
        self, library: Library, handle: Any, case: GpuCase, algorithm: Algorithm, training: bool
    ):
        import torch

        self._library, self._handle, self._case = library, handle, case
        self._mode = ForwardMode.TRAINING if training else ForwardMode.INFERENCE
        self._descriptors = d = Descriptors(library, case, algorithm)
        if algorithm == Algorithm.PERSIST_DYNAMIC:
            library.cudnnBuildRNNDynamic(handle, d.rnn, case.shape.batch)
        sizes = [ctypes.c_size_t() for _ in range(3)]
        library.cudnnGetRNNWeightSpaceSize(handle, d.rnn, ctypes.byref(sizes[0]))
        library.cudnnGetRNNTempSpaceSizes(
            handle, d.rnn, self._mode, d.x, ctypes.byref(sizes[1]), ctypes.byref(sizes[2])
        )

        def space(size: ctypes.c_size_t) -> Any:
            return torch.zeros(size.value, dtype=torch.uint8, device="cuda")

        self.weights, self._workspace, self._reserve = map(space, sizes)
        self.dweights = torch.zeros_like(self.weights)
        shape = case.shape
        lengths = [shape.time] * shape.batch if shape.lengths is None else shape.lengths
        self._lengths = torch.tensor(lengths, dtype=torch.int32, device="cuda")

    def close(self) -> None:
        """Destroys the descriptors."""
        self._descriptors.close()

    def parameters(self, space: Any, dtype: Any) -> list[list[Any]]:
        """Views of all parameters in a weight space, by direction, in the order of `torch.nn`.

        Args:
            space: `weights` or `dweights`.
            dtype: PyTorch's, of the parameters.

        Returns:
            For each direction the flat views of weight_ih's gates, then weight_hh's, then those of
            the two biases.
        """
        gates = {"lstm": 4, "gru": 3, "simple_rnn": 1}[self._case.cell]
        d, found = self._descriptors, []
        for direction in range(self._case.directions):
            matrices, biases = [], []
            for layer in range(2 * gates):  # the input's first, then h's
                matrix, bias = ctypes.c_void_p(), ctypes.c_void_p()
                self._library.cudnnGetRNNWeightParams(
                    self._handle,
                    d.rnn,
                    direction,
                    space.numel(),
                    space.data_ptr(),
                    layer,
                    d.matrix,
                    ctypes.byref(matrix),
                    d.bias,
                    ctypes.byref(bias),
                )
                matrices.append(self._view(space, dtype, matrix, d.matrix))
                biases.append(self._view(space, dtype, bias, d.bias))
            found.append(matrices + biases)
        return found

    def _view(self, space: Any, dtype: Any, address: Any, descriptor: Any) -> Any:
        kind, dimensions = ctypes.c_int(), ctypes.c_int()
        sizes, strides = ints([0] * 3), ints([0] * 3)
        self._library.cudnnGetTensorNdDescriptor(
            descriptor, 3, ctypes.byref(kind), ctypes.byref(dimensions), sizes, strides
        )
        count = 1
        for size in sizes[: dimensions.value]:
            count *= size
        begin = address.value - space.data_ptr()
        return space[begin : begin + count * dtype.itemsize].view(dtype)

    def _spaces(self, weights: Any) -> list[Any]:
        spaces = (weights, self._workspace, self._reserve)
        return [value for space in spaces for value in (space.numel(), space.data_ptr())]

    def _set_stream(self) -> None:
        import torch

        self._library.cudnnSetStream(self._handle, torch.cuda.current_stream().cuda_stream)

    def forward(self, x: Any, y: Any, initial: Sequence[Any], final: Sequence[Any]) -> None:
        """Enqueues cudnnRNNForward."""
        d = self._descriptors
        self._set_stream()
        self._library.cudnnRNNForward(
            self._handle,
            d.rnn,
            self._mode,
            self._lengths.data_ptr(),
            *(d.x, x.data_ptr(), d.y, y.data_ptr()),
            *(d.state, initial[0].data_ptr(), final[0].data_ptr()),
            *(d.state, *(_address(states, 1) for states in (initial, final))),
            *self._spaces(self.weights),
        )

    def backward(
        self, x: Any, y: Any, dy: Any, initial: Sequence[Any], dx: Any, dinitial: Sequence[Any]
    ) -> None:
        """Enqueues the gradients of the inputs and states, then those of the weights.

        Nobody wants anything of the final states. The weights' are in `dweights` afterwards.
        """
        d = self._descriptors
        self._set_stream()
        self._library.cudnnRNNBackwardData_v8(
            self._handle,
            d.rnn,
            self._lengths.data_ptr(),
            *(d.y, y.data_ptr(), dy.data_ptr(), d.x, dx.data_ptr()),
            *(d.state, initial[0].data_ptr(), None, dinitial[0].data_ptr()),
            *(d.state, _address(initial, 1), None, _address(dinitial, 1)),
            *self._spaces(self.weights),
        )
        self.dweights.zero_()  # cuDNN can only add to what is there
        self._library.cudnnRNNBackwardWeights_v8(
            self._handle,
            d.rnn,
            WGRAD_ADD,
            self._lengths.data_ptr(),
            *(d.x, x.data_ptr(), d.state, initial[0].data_ptr(), d.y, y.data_ptr()),
            *self._spaces(self.dweights),
        )


def _address(states: Sequence[Any], index: int) -> int | None:
    return states[index].data_ptr() if len(states) > index else None
