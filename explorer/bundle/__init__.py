"""Files that travel in every export, as they are; they import nothing of the explorer."""
