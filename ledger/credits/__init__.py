"""Prepaid credit: grants, the balance that charges draw from, and alerts of a low balance."""
