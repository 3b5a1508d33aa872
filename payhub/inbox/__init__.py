"""What the hub itself says of callbacks: from where they may come, and how many of them are kept. The inbox is in `webhooks`."""
