"""Payments, their lines and the attempts to pay them."""
