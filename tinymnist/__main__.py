"""`python -m tinymnist` is `tinymnist`."""

from tinymnist.cli import main

main()
