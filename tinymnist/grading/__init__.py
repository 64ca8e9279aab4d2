"""Assignments: what students hand in, checked, trained with the grader's seeds, and given points."""
