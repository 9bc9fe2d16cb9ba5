"""What the user did: where it is found, how it is kept, what it says about them."""
