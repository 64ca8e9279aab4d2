"""Networks that together have every kind of layer."""

from typing import Any, get_args

from tinymnist.spec.layers import Activation

ACTIVATIONS = [name for name in get_args(Activation) if name not in ("none", "relu")]

NETWORKS: dict[str, dict[str, Any]] = {
    "activations before and after norms": {
        "blocks": [
            {
                "convs": [
                    {"out_channels": 3, "activation": name, "norm": "batch" if index % 2 else "none"}
                    for index, name in enumerate(ACTIVATIONS)
                ]
            }
        ]
    },
    "kernels, strides, padding, groups, bias": {
        "input": {"channels": 2, "height": 17, "width": 14},
        "blocks": [
            {"convs": [{"out_channels": 6, "kernel_size": [5, 2], "stride": [1, 2], "padding": [3, 0], "groups": 2}]},
            {"convs": [{"out_channels": 9, "kernel_size": 3, "stride": 3, "groups": 3, "bias": False, "norm": "none"}]},
            {"convs": [{"kind": "depthwise", "out_channels": 18, "kernel_size": [1, 3]}]},
            {"convs": [{"out_channels": 4, "kernel_size": 1, "padding": [1, 2], "norm": "none"}]},
            {"convs": [{"kind": "separable", "out_channels": 7, "norm": {"kind": "batch", "affine": False}}]},
        ],
    },
    "poolings of every kind, one after another": {
        "input": {"channels": 1, "height": 28, "width": 25},
        "blocks": [
            {"pool": {"kind": "average", "kernel_size": 2, "ceil_mode": True}},
            {
                "convs": [{"out_channels": 5, "activation": "prelu"}],
                "pool": {"kind": "max", "kernel_size": 3, "stride": 2, "padding": 1},
                "dropout": 0.3,
            },
            {"pool": {"kind": "max", "kernel_size": [2, 1], "stride": [3, 1]}},
            {"convs": [{"out_channels": 4, "activation": "tanh"}], "pool": "average"},
            {"convs": [6], "pool": "global_max"},
        ],
    },
    "group norm, channel dropout, hidden layers": {
        "blocks": [
            {
                "convs": [{"out_channels": 8, "norm": {"kind": "group", "groups": 4}, "dropout": 0.2}],
                "pool": "max",
                "dropout": {"kind": "channel", "p": 0.4},
            },
            {"convs": [{"out_channels": 6, "norm": {"kind": "group", "groups": 1, "affine": False}}], "pool": "max"},
        ],
        "head": {"kind": "linear", "hidden": [{"out_features": 12, "dropout": 0.5, "activation": "elu"}, 5]},
    },
    "bases, shared and fixed": {
        "bases": {
            "wide": {"filters": 4, "kernel_size": 5},
            "fixed": {"filters": 2, "kernel_size": [2, 3], "learned": False},
        },
        "blocks": [
            {"convs": [{"out_channels": 4, "basis": "wide"}, {"out_channels": 6, "basis": 3}], "pool": "max"},
            {
                "name": "twice",
                "convs": [{"out_channels": 6, "basis": "wide", "groups": 2}],
                "repeat": 2,
                "share_weights": True,
            },
            {"convs": [{"out_channels": 5, "basis": "fixed", "stride": 2, "norm": "none"}]},
            {"convs": [{"out_channels": 6, "basis": "wide", "bias": False}], "residual": "projection"},
        ],
    },
    "residual paths, shared weights": {
        "blocks": [
            {"convs": [4, 4], "residual": {"kind": "projection", "activation": "relu"}},
            {"name": "twice", "convs": [4], "residual": "identity", "repeat": 2, "share_weights": True, "pool": "max"},
            {"convs": [{"out_channels": 4, "stride": 2}], "weights_from": "twice", "residual": "none"},
            {"convs": [{"out_channels": 10, "norm": "none", "activation": "none"}], "residual": "projection"},
        ],
        "head": {"kind": "global_pool"},
    },
}
