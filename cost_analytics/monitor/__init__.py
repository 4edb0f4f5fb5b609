"""What `cost-analytics top` reads, computes and shows."""
