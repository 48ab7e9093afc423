"""One file per method. Importing this package imports no torch; the methods import it when they work."""
