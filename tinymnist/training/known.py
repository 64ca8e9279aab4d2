"""Whether weights may know images that are to be scored."""

from tinymnist.data.catalogue import find_published
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
