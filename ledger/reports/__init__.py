"""Reads for people: a call, spending, lists, exports, all users, advice."""
