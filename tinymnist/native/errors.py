"""The reasons why a network is not trained natively."""


class NotCoveredError(Exception):
    """The network has something that the native engine does not run."""


class CompilerError(Exception):
    """There is no compiler, it fails, or its output cannot be stored or loaded."""
