"""The ways in for files: a watched folder, SFTP servers, gateways that list them; one row for each file that came."""
