"""Runs on images that are labelled part by part, into a file."""
