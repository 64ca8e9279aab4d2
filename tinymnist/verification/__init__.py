"""What a run claims, held against what can be found out."""

from tinymnist.verification.api import verify
from tinymnist.verification.findings import Finding, Verification

__all__ = ["Finding", "Verification", "verify"]
