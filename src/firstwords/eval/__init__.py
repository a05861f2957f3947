"""Evaluates models: bits per byte on text (`bpb`), the exam on the built-in world (`exam`)."""
