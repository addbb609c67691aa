"""The program that runs a Python function in the pod of a Run.

Python 3.9 and newer, standard library only, so that it works in any image with a Python. The operator packs this folder
into one file that it mounts into the pod (`bundle`); there the package is called `run_runner`, so modules import each
other by relative names and nothing else of the operator.
"""
