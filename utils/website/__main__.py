"""The command line of `utils.website`."""

from utils.website.pages import main

main()
