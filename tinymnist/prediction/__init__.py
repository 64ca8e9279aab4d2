"""Reads digits in picture files from anywhere."""

from tinymnist.prediction.images import read_grey
from tinymnist.prediction.predictor import Prediction, Unusable, predict, predict_each
from tinymnist.prediction.prepare import Picture, prepare

__all__ = ["Picture", "Prediction", "Unusable", "predict", "predict_each", "prepare", "read_grey"]
