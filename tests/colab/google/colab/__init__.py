"""Stands in for the package by which a notebook can tell that it runs on Colab."""
