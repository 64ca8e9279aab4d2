"""Words of other tools for what the spec calls otherwise: Keras, PyTorch, Ultralytics, Ludwig."""

import re

KEYS = {
    "act": "activation",
    "activation_fn": "activation",
    "augmentation": "train: {augment: ...}",
    "augmentations": "train: {augment: ...}",
    "backbone": "blocks",
    "batch": "train: {batch_size: ...}",
    "batch_norm": "norm: batch",
    "batch_normalization": "norm: batch",
    "batchnorm": "norm: batch",
    "bn": "norm: batch",
    "betas": "beta1 and beta2",
    "channels_out": "out_channels",
    "classifier": "head",
    "conv": "convs",
    "conv_layers": "convs",
    "convolutions": "convs",
    "dense": "head: {kind: linear, hidden: [N]}",
    "drop_rate": "dropout",
    "dropout_rate": "dropout",
    "early_stop": "train: {early_stopping: N}",
    "earlystopping": "train: {early_stopping: N}",
    "fc": "head: {kind: linear, hidden: [N]}",
    "fc_layers": "head: {kind: linear, hidden: [N]}",
    "features": "out_channels",
    "filters": "out_channels",
    "gamma": "factor",
    "hidden_size": "hidden",
    "hidden_units": "hidden",
    "image_size": "input: {height: N, width: N}",
    "imgsz": "input: {height: N, width: N}",
    "input_shape": "input: {channels: N, height: N, width: N}",
    "input_size": "input: {channels: N, height: N, width: N}",
    "kernel": "kernel_size",
    "kernel_shape": "kernel_size",
    "ksize": "kernel_size",
    "layers": "blocks",
    "learning_rate": "train: {schedule: {name: one_cycle, max_lr: N}}",
    "lr": "train: {schedule: {name: one_cycle, max_lr: N}}",
    "lr0": "train: {schedule: {name: one_cycle, max_lr: N}}",
    "lr_scheduler": "train: {schedule: ...}",
    "max_pool": "pool: max",
    "maxpool": "pool: max",
    "min_delta": "min_improvement",
    "model": "blocks",
    "n_classes": "classes",
    "nc": "classes",
    "norm_layer": "norm",
    "normalization": "norm",
    "num_classes": "classes",
    "num_epochs": "train: {epochs: ...}",
    "num_filters": "out_channels",
    "output_size": "out_features",
    "opt": "train: {optimizer: ...}",
    "out_size": "out_features",
    "pad": "padding",
    "patience": "train: {early_stopping: N}",
    "pool_size": "kernel_size",
    "pooling": "pool",
    "regularization": "optimizer: {name: sgd, weight_decay: N}",
    "scheduler": "train: {schedule: ...}",
    "size": "kernel_size",
    "skip": "residual",
    "skip_connection": "residual",
    "step_size": "every",
    "strides": "stride",
    "transforms": "train: {augment: ...}",
    "units": "out_features",
    "use_bias": "bias",
    "wd": "optimizer: {name: sgd, weight_decay: N}",
}
"""What a key is called here."""

OPTIONS = {
    "data": "--dataset",
    "data_dir": "--data-dir",
    "dataset": "--dataset",
    "device": "--device",
    "seed": "--seed",
    "seeds": "--seeds",
    "threads": "--threads",
    "validation_split": "--validation",
    "workers": "--threads",
}
"""Keys that are options of `tinymnist train`, since a network is the same whatever they are."""

KNOWN_ALREADY = ("in_channels", "in_features", "input_channels", "in_size")
"""Sizes that follow from the layer before."""

WORDS = {
    "avg": "average",
    "avgpool": "average",
    "batch_norm": "batch",
    "batchnorm": "batch",
    "bn": "batch",
    "cosine_annealing": "cosine",
    "cosineannealinglr": "cosine",
    "dense": "linear",
    "depthwise_separable": "separable",
    "dwconv": "depthwise",
    "fc": "linear",
    "flatten": "linear",
    "gap": "global_average",
    "global_avg": "global_average",
    "global_average_pooling": "global_average",
    "global_max_pooling": "global_max",
    "gmp": "global_max",
    "group_norm": "group",
    "groupnorm": "group",
    "hard_swish": "hardswish",
    "identity_shortcut": "identity",
    "leakyrelu": "leaky_relu",
    "max_pool": "max",
    "maxpool": "max",
    "mean": "average",
    "multi_step": "step",
    "multi_step_lr": "step",
    "multisteplr": "step",
    "one_cycle_lr": "one_cycle",
    "onecycle": "one_cycle",
    "onecyclelr": "one_cycle",
    "reduce_lr_on_plateau": "plateau",
    "reduce_on_plateau": "plateau",
    "reducelronplateau": "plateau",
    "sep": "separable",
    "skip": "identity",
    "step_lr": "step",
    "steplr": "step",
    "swish": "silu",
}
"""What a value is called here."""


def key_here(word: str) -> str | None:
    """What to write instead of an unknown key: `here it is `stride``. None for a word that no tool is known for."""
    plain = _plain(word)
    if plain in OPTIONS:
        return f"this is an option of `tinymnist train`: {OPTIONS[plain]}"
    return f"here it is `{KEYS[plain]}`" if plain in KEYS else None


def word_here(word: str, possible: list[str]) -> str | None:
    """The one of the `possible` values that a word of another tool means."""
    plain = _plain(word)
    meant = WORDS.get(plain) or WORDS.get(plain.removesuffix("2d")) or plain
    return meant if meant in possible and meant != plain else None


def _plain(word: str) -> str:
    """`MaxPool2D` and `max-pool` as `maxpool2d` and `max_pool`."""
    return re.sub(r"[\s-]+", "_", word.strip()).lower()
