"""What PayHub does per second on this machine, held against what PostgreSQL alone does with the same rows: `make bench`."""
