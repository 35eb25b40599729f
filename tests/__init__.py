"""A package by that name, so that the one which another distribution installs is not taken for it."""
