"""The built-in models' files and the scripts that trained them."""
