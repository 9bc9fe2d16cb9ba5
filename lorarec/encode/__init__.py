"""From texts to vectors: finding, opening and running sentence encoders."""
