"""Reads digits in picture files from anywhere."""

from tinymnist.prediction.images import read_grey
from tinymnist.prediction.predictor import Prediction, Unusable, predict, predict_each
from tinymnist.prediction.prepare import Picture, prepare
from tinymnist.prediction.score import LabelledScore, score_labelled
from tinymnist.prediction.several import Box

__all__ = [
    "Box",
    "LabelledScore",
    "Picture",
    "Prediction",
    "Unusable",
    "predict",
    "predict_each",
    "prepare",
    "read_grey",
    "score_labelled",
]
