"""Image files -> generations: the texts inside them, one reader per generator, folders into the history."""
