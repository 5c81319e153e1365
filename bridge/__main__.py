"""`python -m bridge`: the same as the `brotjeneste` command, with no script to be found first."""

from bridge.cli import main

main()
