"""The key ring in use: which versions the database hangs on, and moving all that is sealed to the newest."""
