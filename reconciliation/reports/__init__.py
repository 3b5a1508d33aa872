"""Reports of the day and of the cohort, and the rows that every figure in them is the sum of."""
