"""Fuzzing of all readers: files are changed at random, guided by the lines of code that they reach."""
