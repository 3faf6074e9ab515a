"""The dock for objects: tell them apart, correct them by click, measure them."""
