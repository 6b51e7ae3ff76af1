"""The pure core: numbering, rates, alerts. No clock, no input or output, no logging: time is an argument.

Live processing and replay both go through `streams.project.step.step`, so they cannot disagree.
"""
