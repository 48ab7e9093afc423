"""A process for a measurement that says where it works."""

from pathlib import Path

from explorer.measure.process import serve

if __name__ == "__main__":
    serve(lambda given: {"cwd": str(Path.cwd()), "given": given["word"]})
