"""Parts that more than one dock is built of."""
