"""Whether two data sets, as records name them, are one: by their digests, so that neither name nor format matters."""

from dataclasses import dataclass

from tinymnist.data.catalogue import PUBLISHED


@dataclass(frozen=True, slots=True)
class Recorded:
    """A data set as the record of a training has it."""

    name: str
    """A name of the catalogue, or a path."""
    digest: str | None
    """None in records of earlier versions, which knew the catalogue alone."""

    @property
    def _known_digest(self) -> str | None:
        published = PUBLISHED.get(self.name)
        return published.digest if self.digest is None and published is not None else self.digest

    @property
    def usual_name(self) -> str:
        """The name of the catalogue for its images, wherever they were read; else the name in the record."""
        return next((each.name for each in PUBLISHED.values() if each.digest == self._known_digest), self.name)

    def is_same(self, other: "Recorded") -> bool:
        """Whether both hold the same images, labels and class names."""
        mine, others = self._known_digest, other._known_digest
        return self.name == other.name if mine is None or others is None else mine == others

    def holds_out_the_same(self, other: "Recorded") -> bool:
        """Whether both, besides, hold out the same images: the last ones of each class, where a data set of the
        catalogue has the order of its files, and one from a path the canonical order."""
        return self.is_same(other) and (self.name in PUBLISHED) == (other.name in PUBLISHED)
