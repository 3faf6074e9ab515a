"""The preview that follows the brush: what is in sight, answered after each stroke."""
