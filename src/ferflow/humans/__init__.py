"""The human baseline: answers of annotators, their agreement, and their mistakes."""
