"""What the hub signs so that others can prove it: with which keys, and where their public halves are published."""
