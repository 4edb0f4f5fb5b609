"""Commands to the vendors of calls: who requested them, their attempts and their results."""
