"""What one would write instead of using cloudedge.

Each module has `load(folder)`, which takes the folder of `benchmarks.networks` and returns a function from a list of
photos to the names of what they show; run as a program, `MODULE.py FOLDER PHOTO...`, it prints these names.
"""
