"""Whether weights may know images that are to be scored."""

from tinymnist.data.catalogue import PUBLISHED, find_published
from tinymnist.training.records import TrainedOn


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


def has_changed_since(known: TrainedOn, scored: TrainedOn) -> bool:
    """Whether both are of one path, which gives other images now: in another size, or with pictures added or removed.

    Where no test set is given, others may be set aside for testing now, which the weights were trained on.
    """
    at_one_path = known.dataset == scored.dataset and known.dataset not in PUBLISHED
    return at_one_path and not known.is_same(scored)
