"""The commands that need the development tools."""
