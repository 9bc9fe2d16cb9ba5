"""What other tools remember of the user's LoRAs, read only."""
