"""Code that runs inside the pods of a Run. It needs Python 3.8 and its standard library, and nothing else."""
