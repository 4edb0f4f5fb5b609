"""What is unusual about costs: robust baselines, spikes of calls and days, missing legs."""
