"""Models of one user's taste: what the history says about every installed LoRA, and what follows for suggestions."""
