"""Trainings on many machines, by Dask."""
