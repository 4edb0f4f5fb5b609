"""The documentation site: the documents of this repository as linked pages."""
