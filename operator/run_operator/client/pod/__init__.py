"""What runs inside the pods of a Run. Nothing in here may need more than Python 3.8 and its standard library."""
