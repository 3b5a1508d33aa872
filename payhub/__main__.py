"""`python -m payhub` is `payhub`."""

from payhub.cli import main

main()
