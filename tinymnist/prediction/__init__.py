"""Tells the classes of pictures from anywhere."""

from tinymnist.prediction.classifier import DIGITS, reads_digits
from tinymnist.prediction.images import Picture, read_grey
from tinymnist.prediction.predictor import Prediction, Unusable, predict, predict_each
from tinymnist.prediction.prepare import prepare
from tinymnist.prediction.rows import PredictedRows, predict_rows
from tinymnist.prediction.score import LabelledScore, score_labelled
from tinymnist.prediction.several import Box

__all__ = [
    "DIGITS",
    "Box",
    "LabelledScore",
    "Picture",
    "PredictedRows",
    "Prediction",
    "Unusable",
    "predict",
    "predict_each",
    "predict_rows",
    "prepare",
    "read_grey",
    "reads_digits",
    "score_labelled",
]
