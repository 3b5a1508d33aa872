"""Sample data, and whole business days driven through real processes."""
