"""Why a network is not trained natively."""


class NotCoveredError(Exception):
    """The network holds something that the native engine does not run."""


class CompilerError(Exception):
    """There is no compiler, it fails, or what it makes cannot be kept or loaded."""
