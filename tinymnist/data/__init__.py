"""Data sets: found, downloaded, verified, loaded and augmented."""

from tinymnist.data.load import DATASETS, Dataset, Split, load_dataset, usable_name

__all__ = ["DATASETS", "Dataset", "Split", "load_dataset", "usable_name"]
