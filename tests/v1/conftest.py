"""Lets the tests of TF1 graphs run as a TF1 program does, in a process of its own."""

import os

import pytest
import tensorflow as tf

if os.environ.get("TFRNN_TESTS_V1_BEHAVIOR"):
    tf.compat.v1.disable_v2_behavior()


def pytest_itemcollected(item):
    """TensorFlow's own cells say of themselves that they are deprecated."""
    item.add_marker(pytest.mark.filterwarnings("ignore:.*is deprecated:UserWarning"))
