"""Charge plans: what users are charged for a call, which plan applies, and how plans are added."""
