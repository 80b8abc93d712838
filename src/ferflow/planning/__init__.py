"""What a study will cost, reckoned from what earlier runs took and from how each rule grows with the data."""
