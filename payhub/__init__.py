"""PayHub: one place to pay public fees and charges."""
