"""Whether weights may know images that are to be scored."""

from pathlib import Path

from tinymnist.data import Dataset
from tinymnist.data.catalogue import PUBLISHED, find_published
from tinymnist.data.identity import pixel_hashes
from tinymnist.errors import TinyMnistError, UsageError
from tinymnist.notices import TrainingImagesGone, Warn
from tinymnist.training.images import load_images, of_run
from tinymnist.training.records import TrainedOn
from tinymnist.training.run import Run


def may_know_scored_images(known: TrainedOn, scored: TrainedOn) -> bool:
    """Whether weights trained on `known` may know what is scored of the data set of `scored`: the images that it holds
    out, or where it holds none out, the test images.

    Of two data sets, that is so where both take images from the same handwriting, by what the catalogue says.
    """
    if known.is_same(scored):
        the_same = known.validation == scored.validation and known.data.holds_out_the_same(scored.data)
        return scored.validation > 0 and not the_same
    one, other = (find_published(each.dataset, each.digest) for each in (known, scored))
    if one is None or other is None:
        return False
    return not one.trains_on.isdisjoint(other.trains_on if scored.validation else other.scores)


def refuse_known_images(run: Run, data: Dataset, data_dir: Path | None, warn: Warn) -> None:
    """Raises `UsageError` where the test images of `data`, another data set than the run's, are among the images that
    the run was trained on. `warn` is called where those are not here any more.

    Data sets of the catalogue are left to `may_know_scored_images`.
    """
    own = run.trained_on[0]
    scored = TrainedOn(dataset=data.name, validation=0, digest=data.digest)
    if own.is_same(scored) or all(find_published(each.dataset, each.digest) for each in (own, scored)):
        return
    known = _training_images(run, data_dir)
    if known is None:
        warn(TrainingImagesGone(str(run.path), own.dataset, data.name))
        return
    count = sum(each in known for each in pixel_hashes(data.test.images.numpy()))
    if count:
        raise UsageError(
            f"{run.path}: was trained on {count:,} of the {len(data.test):,} test images of {data.name}: score it on "
            "images that it does not know"
        )


def _training_images(run: Run, data_dir: Path | None) -> frozenset[bytes] | None:
    """The SHA-256 of the pixels of each image that the run was trained on; None where they are not here."""
    asked, recorded = of_run(run), run.environment.data
    try:
        data = load_images(asked, data_dir, lambda notice: None, may_download=False)
        if recorded is not None and recorded.digest != data.digest:
            return None
        held = data.hold_out(asked.validation) if asked.validation else data
    except TinyMnistError:
        return None
    return frozenset(pixel_hashes(held.train.images.numpy()))


def has_changed_since(known: TrainedOn, scored: TrainedOn) -> bool:
    """Whether both are of one path, which gives other images now: in another size, or with pictures added or removed.

    Where no test set is given, others may be set aside for testing now, which the weights were trained on.
    """
    at_one_path = known.dataset == scored.dataset and known.dataset not in PUBLISHED
    return at_one_path and not known.is_same(scored)
