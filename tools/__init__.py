"""Tools of the repository: chosen test data, pinned environments. Not part of the package."""
