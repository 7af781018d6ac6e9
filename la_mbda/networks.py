"""Layers as pure functions of their weights: dense, MLP, GRU, image encoder and decoder.

Weights are nested dicts and lists of tensors. Dense layers also take weights with a leading axis
of posterior samples, `[sample, …]`, in which case their input has that axis too; so N posterior
samples are one batched product and no weights are swapped in and out. The weights' type is that
of products and convolutions; layers take and give float32. Initial weights follow Keras's defaults:
Glorot uniform kernels, orthogonal recurrent kernels, zero biases.
"""

from collections.abc import Callable
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf

ENCODER_KERNEL = 4
DECODER_KERNELS = (5, 5, 6, 6)


class Initializer:
    """Makes variables with Keras's initial values, seeded from one NumPy generator."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng

    def glorot(self, shape: tuple[int, ...], reshape: tuple[int, ...] | None = None):
        """Make a Glorot-uniform variable, optionally stored in another shape."""
        value = keras.initializers.GlorotUniform(self._seed())(shape)
        return tf.Variable(tf.reshape(value, reshape or shape))

    def orthogonal(self, shape: tuple[int, int]):
        """Make a variable with orthogonal rows."""
        return tf.Variable(keras.initializers.Orthogonal(seed=self._seed())(shape))

    def zeros(self, shape: tuple[int, ...]):
        """Make a variable of zeros."""
        return tf.Variable(tf.zeros(shape))

    def dense(self, inputs: int, outputs: int) -> dict:
        """Return weights of a dense layer."""
        return {"kernel": self.glorot((inputs, outputs)), "bias": self.zeros((outputs,))}

    def mlp(self, inputs: int, units: int, layers: int, outputs: int) -> list[dict]:
        """Return weights of an MLP: `layers` hidden layers and an output layer."""
        sizes = [inputs, *[units] * layers, outputs]
        return [self.dense(*pair) for pair in pairwise(sizes)]

    def gru(self, inputs: int, units: int) -> dict:
        """Return weights of a GRU cell; its two bias rows belong to the input and the state."""
        return {
            "kernel": self.glorot((inputs, 3 * units)),
            "recurrent_kernel": self.orthogonal((units, 3 * units)),
            "bias": self.zeros((2, 3 * units)),
        }

    def image_encoder(self, channels: int, image_channels: int) -> list[dict]:
        """Return weights of four convolutions with 1, 2, 4 and 8 times `channels`."""
        sizes = [image_channels, *(channels * 2**i for i in range(4))]
        return [
            self._convolution((ENCODER_KERNEL, ENCODER_KERNEL, inputs, outputs), outputs)
            for inputs, outputs in pairwise(sizes)
        ]

    def image_decoder(self, inputs: int, channels: int, image_channels: int) -> dict:
        """Return weights of a dense layer and four transposed convolutions.

        The first transposed convolution sees a single pixel: it is exactly a dense layer (and much
        faster as one), with the initial scale of the convolution that it stands for.
        """
        first, *kernels = DECODER_KERNELS
        sizes = [4 * channels, 2 * channels, channels, image_channels]
        hidden = 32 * channels
        return {
            "dense": self.dense(inputs, hidden),
            "first": {
                "kernel": self.glorot(
                    (first, first, sizes[0], hidden), reshape=(first * first * sizes[0], hidden)
                ),
                "bias": self.zeros((sizes[0],)),
            },
            "transposed": [
                self._convolution((kernel, kernel, outputs, inputs_), outputs)
                for kernel, inputs_, outputs in zip(kernels, sizes[:-1], sizes[1:], strict=True)
            ],
        }

    def _convolution(self, kernel: tuple[int, ...], outputs: int) -> dict:
        return {"kernel": self.glorot(kernel), "bias": self.zeros((outputs,))}

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))


def cast(weights, precision: str):
    """Nested weights in the type of products, `float32` or `bfloat16`; gradients flow through."""
    return tf.nest.map_structure(lambda weight: tf.cast(weight, precision), weights)


def dense(layer: dict, x: tf.Tensor) -> tf.Tensor:
    """Return `x @ kernel + bias` over the last axis.

    Args:
        layer: kernel `[inputs, outputs]` and any x, or kernel `[sample, inputs, outputs]` and x
            `[sample, …, inputs]`.
    """
    kernel, bias = layer["kernel"], layer["bias"]
    leading = kernel.shape.rank - 2
    flat = x = tf.cast(x, kernel.dtype)
    if x.shape.rank != leading + 2:
        flat = tf.reshape(x, [*x.shape[:leading], -1, x.shape[-1]])
    y = tf.matmul(flat, kernel)
    # Two-dimensional products take the bias in a form that TensorFlow fuses into the product.
    y = y + tf.expand_dims(bias, -2) if leading else tf.nn.bias_add(y, bias)
    y = tf.cast(y, tf.float32)
    return y if flat is x else tf.reshape(y, [*x.shape[:-1], kernel.shape[-1]])


def mlp(
    layers: list[dict], x: tf.Tensor, activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.elu
) -> tf.Tensor:
    """Dense layers with an activation between them and a linear output, over the last axis.

    Args:
        layers: of weights for any x, or of samples with a leading axis `[sample, …]`, as x has one.
    """
    if layers[0]["kernel"].shape.rank == 3:
        samples = zip(*map(tf.unstack, tf.nest.flatten(layers)), strict=True)
        packed = (tf.nest.pack_sequence_as(layers, sample) for sample in samples)
        pairs = zip(packed, tf.unstack(x), strict=True)
        return tf.stack([mlp(sample, own, activation) for sample, own in pairs])
    # Two-dimensional all along: TensorFlow fuses product, bias and activation only then.
    y = x if x.shape.rank == 2 else tf.reshape(x, [-1, x.shape[-1]])
    for layer in layers[:-1]:
        y = activation(dense(layer, y))
    y = dense(layers[-1], y)
    return y if x.shape.rank == 2 else tf.reshape(y, [*x.shape[:-1], y.shape[-1]])


def gru(weights: dict, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """Make one step of a GRU in Keras's `reset_after` form; x and state are `[…, features]`."""
    bias_input, bias_state = tf.unstack(weights["bias"], axis=-2)
    inputs = tf.split(dense({"kernel": weights["kernel"], "bias": bias_input}, x), 3, -1)
    recurrent = dense({"kernel": weights["recurrent_kernel"], "bias": bias_state}, state)
    recurrent = tf.split(recurrent, 3, -1)
    update = tf.sigmoid(inputs[0] + recurrent[0])
    reset = tf.sigmoid(inputs[1] + recurrent[1])
    candidate = tf.tanh(inputs[2] + reset * recurrent[2])
    return candidate + update * (state - candidate)


def encode_image(layers: list[dict], images: tf.Tensor) -> tf.Tensor:
    """Flat embeddings of images `[batch, 64, 64, channels]`."""
    x = tf.cast(images, layers[0]["kernel"].dtype)
    for layer in layers:
        x = tf.nn.conv2d(x, layer["kernel"], strides=2, padding="VALID")
        x = tf.nn.relu(tf.nn.bias_add(x, layer["bias"]))
    return tf.cast(tf.reshape(x, [x.shape[0], -1]), tf.float32)


def decode_image(weights: dict, features: tf.Tensor) -> tf.Tensor:
    """Mean images `[batch, 64, 64, channels]` of features `[batch, features]`."""
    batch, size = features.shape[0], DECODER_KERNELS[0]
    first = weights["first"]
    x = tf.cast(dense(weights["dense"], features), first["kernel"].dtype)
    x = tf.matmul(x, first["kernel"], transpose_b=True)
    x = tf.reshape(x, [batch, size, size, -1])
    x = tf.nn.relu(tf.nn.bias_add(x, first["bias"]))
    for i, layer in enumerate(weights["transposed"]):
        x = transposed_convolution(layer, x)
        if i < len(weights["transposed"]) - 1:
            x = tf.nn.relu(x)
    return tf.cast(x, tf.float32)


def transposed_convolution(layer: dict, x: tf.Tensor) -> tf.Tensor:
    """Return a transposed convolution with stride 2 and VALID padding, and its bias.

    With a kernel of even size, the four pixels of each 2x2 block are channels of one plain
    convolution, which are then put in their places (Shi et al. 2016): on CPUs that takes a third to
    a half of the time of TensorFlow's own. Its gradients, which are plain convolutions, stay.

    Args:
        layer: kernel `[width, width, outputs, inputs]` and bias `[outputs]`.
        x: `[batch, size, size, inputs]`.

    Returns:
        `[batch, 2 (size − 1) + width, …, outputs]`.
    """
    kernel, bias = layer["kernel"], layer["bias"]
    if kernel.shape[0] % 2 == 0:
        return _by_blocks(x, kernel, bias)
    size = 2 * (x.shape[1] - 1) + kernel.shape[0]
    shape = [x.shape[0], size, size, kernel.shape[2]]
    return tf.nn.bias_add(tf.nn.conv2d_transpose(x, kernel, shape, 2, "VALID"), bias)


@tf.custom_gradient
def _by_blocks(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor):
    width, _, outputs, inputs = kernel.shape
    half = width // 2
    # Row 2 u + p of the kernel reaches from row i of x to row p of block i + u; so do columns.
    taps = tf.reverse(tf.reshape(kernel, [half, 2, half, 2, outputs, inputs]), [0, 2])
    taps = tf.transpose(taps, [0, 2, 5, 1, 3, 4])
    taps = tf.reshape(taps, [half, half, inputs, 4 * outputs])
    edge = [half - 1, half - 1]
    blocks = tf.nn.conv2d(x, taps, strides=1, padding=[[0, 0], edge, edge, [0, 0]])
    blocks = tf.nn.bias_add(blocks, tf.tile(bias, [4]))  # One operation with the convolution.

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        of_x = tf.nn.conv2d(upstream, kernel, strides=2, padding="VALID")
        of_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=upstream,
            filter_sizes=kernel.shape,
            out_backprop=x,
            strides=[1, 2, 2, 1],
            padding="VALID",
        )
        return of_x, of_kernel, tf.raw_ops.BiasAddGrad(out_backprop=upstream)

    return tf.nn.depth_to_space(blocks, 2), gradient
