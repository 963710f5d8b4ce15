"""The command line of `utils.website`."""

from utils.website import main

main()
