"""A call's state, its entries and their prices, and the totals that follow."""
