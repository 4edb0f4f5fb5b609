"""What `cost-analytics doctor` checks, and what it advises."""
