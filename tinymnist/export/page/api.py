"""A run exported as a page, verified on all test images."""

from tinymnist.export.artifact import Artifact
from tinymnist.export.page.encoding import network_json
from tinymnist.export.page.html import page
from tinymnist.export.page.verification import verify
from tinymnist.folded.folding import fold
from tinymnist.training.trained import TrainedNetwork


def export_page(trained: TrainedNetwork) -> Artifact:
    """Makes the page of a trained network and verifies it on its test images.

    Raises `CheckFailed` if the page does not compute what the network does.
    """
    run, model, data = trained.run, trained.model, trained.data
    network = fold(run.spec, model, run.class_names)
    text = network_json(network)
    verified = verify(trained, network, text)
    content = page(run, network, text, data).encode()
    result = run.result
    return Artifact(
        files={"index.html": content},
        facts={
            "name": result.name,
            "parameters": result.parameters,
            "dataset": data.name,
            "n": verified.n,
            "accuracy": verified.accuracy,
            "largest_difference": verified.largest_difference,
            "verified_by": verified.program,
        },
    )
