"""Giving money back: asked for by one, approved by another, sent to the gateway, and known only by its word."""
