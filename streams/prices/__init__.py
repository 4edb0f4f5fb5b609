"""Sources of prices: where vendors publish what they ask, read behind one small interface."""
